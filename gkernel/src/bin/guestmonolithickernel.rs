//! Step 15 of the series: a kernel with user processes, which are ELF programs (`gkernel/user`).
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(monolithic);

/// A program of `gkernel/user`, by its name.
#[cfg(target_os = "none")]
macro_rules! program {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".elf"))
    };
}

#[cfg(target_os = "none")]
fn monolithic() {
    use gkernel::{
        arch::{argument, greet},
        case,
        kernel::{End, Kernel, Order, Report},
        println,
    };
    use gkernel_abi::STACK_SIZE;

    const PAGES: u64 = STACK_SIZE / 4096;
    let order = |program, argument| Order { program, argument };

    greet();
    let mut kernel = Kernel::default();
    let hello = kernel.run_first(order(program!("hello"), 0));
    let exited = |report: &Option<Report>, code| report.is_some_and(|r| r.end == End::Exited(code));
    case!("hello", exited(&hello, 0), "{hello:?}");

    let [other] = kernel.run_all(&[order(program!("exits"), 42)], false);
    case!("exit-code", exited(&other, 42), "{other:?}");

    let [calls] = kernel.run_all(&[order(program!("calls"), 0)], false);
    case!("calls", exited(&calls, 0), "{calls:?}");

    // Those that it touches come, and no others.
    let [stack] = kernel.run_all(&[order(program!("stack"), 9)], false);
    let pages = stack.map(|report| report.stack_pages);
    let lazy = exited(&stack, 0) && pages == Some(9);
    case!("lazy-stack", lazy, "{stack:?}");
    let [stack] = kernel.run_all(&[order(program!("stack"), PAGES)], false);
    let pages = stack.map(|report| report.stack_pages);
    let all = exited(&stack, 0) && pages == Some(PAGES);
    case!("whole-stack", all, "{stack:?}");

    let polite = kernel.run_all(&[order(program!("polite"), 4); 2], false);
    let own = polite.iter().all(|report| exited(report, 0));
    case!("yield", own, "{polite:?}");

    let registers = [2, 3].map(|argument| order(program!("registers"), argument));
    let registers = kernel.run_all(&registers, false);
    let kept = registers.iter().all(|report| exited(report, 0));
    case!("registers", kept, "{registers:?}");

    // A guest without a timer says so by its argument.
    if argument() == 0 {
        preempted(&mut kernel);
    }
    offences(&mut kernel);
    let frames = kernel.frames_in_use();
    case!("frames", frames == 0, "{frames} are not back");
    match hello.map(|report| report.end) {
        Some(End::Exited(code)) => println!("monolithic kernel exit [{code}] normally!"),
        _ => println!("monolithic kernel exit: the first process did not end by itself"),
    }
}

/// Two programs that never yield, each of which waits for the other.
#[cfg(target_os = "none")]
fn preempted(kernel: &mut gkernel::kernel::Kernel) {
    use gkernel::{
        case,
        kernel::{End, Order},
    };

    let mut check = |program, least| {
        let orders = [0, 1].map(|argument| Order { program, argument });
        let reports = kernel.run_all(&orders, true);
        let well = reports
            .iter()
            .flatten()
            .filter(|report| report.end == End::Exited(0) && report.interrupted >= least);
        (well.count() == 2, reports)
    };
    // Each waits for the other's 16 numbers, and 32 turns; the last one may end without.
    let (well, reports) = check(program!("spins"), 15);
    case!("preempt", well, "{reports:?}");
    let (well, reports) = check(program!("registers"), 31);
    case!("registers-preempted", well, "{reports:?}");
}

/// Programs that do what they must not.
#[cfg(target_os = "none")]
fn offences(kernel: &mut gkernel::kernel::Kernel) {
    use gkernel::{
        arch::process as machine,
        case,
        kernel::{Access, End, Order},
        println,
    };
    use gkernel_abi::{OFFENCES, Offence};

    let mut wrong = 0;
    for (argument, offence) in OFFENCES.iter().enumerate() {
        let expected = match offence {
            Offence::Hypercall if machine::HYPERCALL_IS_A_CALL => End::Exited(0),
            Offence::Privileged | Offence::Hypervisors | Offence::Hypercall => End::Instruction,
            Offence::LoadKernel | Offence::LoadNowhere => End::Access(Access::Load),
            Offence::JumpKernel | Offence::JumpStack => End::Access(Access::Fetch),
            Offence::StoreKernel
            | Offence::StoreCode
            | Offence::StoreConstants
            | Offence::BelowStack => End::Access(Access::Store),
        };
        let order = Order {
            program: program!("offends"),
            argument: argument as u64,
        };
        let [report] = kernel.run_all(&[order], false);
        if report.map(|report| report.end) != Some(expected) {
            println!("guest: {offence:?}: {report:?}, not {expected}");
            wrong += 1;
        }
    }
    case!("offences", wrong == 0, "{wrong} of them ended otherwise");
}
