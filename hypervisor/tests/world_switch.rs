//! The world switch keeps every register that its caller may have something in, whether or not today's
//! compiler does: no run shows the loss of one that happens to be free across the call. So this reads the
//! assembly.

/// The lines of code of a function, up to the instruction by which it returns.
fn function<'s>(source: &'s str, name: &str, returns: &str) -> Vec<&'s str> {
    let body = source
        .split_once(&format!("\n{name}:\n"))
        .expect("the function")
        .1;
    let lines = body.lines().map(str::trim);
    let lines = lines.take_while(|line| *line != returns);
    lines.filter(|line| !line.is_empty()).collect()
}

/// Where the instruction with these operands stands.
fn place(lines: &[&str], instruction: &str) -> usize {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let found: Vec<_> = (0..lines.len())
        .filter(|&n| words(lines[n]) == instruction)
        .collect();
    assert_eq!(found.len(), 1, "`{instruction}` has to be there once");
    found[0]
}

/// RISC-V ELF psABI, "Integer Register Convention": ra, sp, gp, tp, s0 to s11.
#[test]
fn riscv64_keeps_the_registers_that_the_psabi_names() {
    let lines = function(
        include_str!("../src/arch/riscv64/enter.S"),
        "hv_riscv64_enter",
        "ret",
    );
    let entry = place(&lines, "sret");
    let saved = (0..12).map(|n| format!("s{n}"));
    let registers = ["ra", "sp", "gp", "tp"]
        .map(str::to_owned)
        .into_iter()
        .chain(saved);
    for (slot, register) in registers.enumerate() {
        let where_it_is = format!("{register}, {{host}} + {slot}*8(a0)");
        assert!(
            place(&lines, &format!("sd {where_it_is}")) < entry,
            "{register}"
        );
        assert!(
            place(&lines, &format!("ld {where_it_is}")) > entry,
            "{register}"
        );
    }
}

/// AAPCS64, "General-purpose Registers": x19 to x29, and the link register.
#[test]
fn aarch64_keeps_the_registers_that_the_pcs_names() {
    let lines = function(
        include_str!("../src/arch/aarch64/enter.S"),
        "hv_aarch64_enter",
        "ret",
    );
    let entry = place(&lines, "eret");
    for first in (19..30).step_by(2) {
        let pair = format!("x{first}, x{}", first + 1);
        let slot = format!("{{host}} + {}*8]", first - 19);
        let saved = place(&lines, &format!("stp {pair}, [x0, {slot}"));
        let back = place(&lines, &format!("ldp {pair}, [x2, {slot}"));
        assert!(saved < entry && entry < back, "{pair}");
    }
}

/// System V ABI, AMD64 supplement, §3.2.1: rbx, rbp, r12 to r15. rsp comes back by itself.
#[test]
fn x86_64_keeps_the_registers_that_the_abi_names() {
    let lines = function(
        include_str!("../src/arch/x86_64/enter.S"),
        "hv_x86_64_enter",
        "ret",
    );
    let entry = place(&lines, "vmrun rax");
    let registers = ["rbx", "rbp", "r12", "r13", "r14", "r15"];
    let pushes = registers.map(|register| place(&lines, &format!("push {register}")));
    let pops = registers.map(|register| place(&lines, &format!("pop {register}")));
    assert!(pushes.is_sorted() && pushes.iter().all(|&push| push < entry));
    assert!(pops.iter().rev().is_sorted() && pops.iter().all(|&pop| pop > entry));
    // Whatever the caller happens to have in rax.
    let host = place(&lines, "mov rax, rdx");
    assert_eq!(
        lines[host + 1].split_whitespace().collect::<Vec<_>>(),
        ["vmsave", "rax"]
    );
}
