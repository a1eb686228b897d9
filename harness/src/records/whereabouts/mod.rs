//! Finds out where a machine was when a clock ran out: from QEMU's registers to the place in a program
//! that each processor's program counter points to.

mod program;

use crate::project::Project;
use crate::records::REGISTERS;
use program::Program;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The programs a processor may have been in.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The hypervisor's file.
    pub hypervisor: PathBuf,
    /// The guests' files, in order, each with its name on the disk.
    pub guests: Vec<(String, PathBuf)>,
}

impl Programs {
    /// The guest that was loaded from a path on the disk. If the path is not known, the first guest:
    /// the guests are linked for the same addresses, which therefore do not tell them apart.
    fn guest(&self, path: Option<&str>) -> Option<&PathBuf> {
        let named = |(name, _): &&(String, PathBuf)| {
            path.is_some_and(|path| path.strip_prefix("/sbin/") == Some(name))
        };
        let guest = self.guests.iter().find(named).or(self.guests.first());
        guest.map(|(_, file)| file)
    }
}

/// Where a processor was, in one or several samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// The processor, from 0.
    pub cpu: usize,
    /// In how many samples it was there, and how many samples there are.
    pub looks: [usize; 2],
    /// Its program counter in the first of them.
    pub pc: String,
    /// Whose code it ran, as far as its registers show.
    pub world: World,
    /// The place in a program; none if no program has a symbol for it.
    pub place: Option<Place>,
}

/// A place in a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The program's name.
    pub program: String,
    /// The function.
    pub function: String,
    /// File and line, if the program has them.
    pub source: Option<String>,
}

impl std::fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [seen, of] = self.looks;
        if of > 1 {
            write!(f, "{seen} of {of} times ")?;
        }
        f.write_str(&self.pc)?;
        let Some(place) = &self.place else {
            return f.write_str(match self.world {
                World::Hypervisor => ", outside the guest and the hypervisor's program",
                World::Guest => ", in the guest, which has no symbol for it",
                World::Unknown => ", for which no program has a symbol",
            });
        };
        write!(f, " in {}: {}", place.program, place.function)?;
        match &place.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

/// Finds where the processors were, from QEMU's answers to `info registers -a`. The place at which a
/// processor was seen most often comes first. `running` is the path on the disk of the guest that ran
/// last, as the hypervisor reported it. Source paths are relative to the project.
pub fn locate(
    looks: &[String],
    programs: &Programs,
    running: Option<&str>,
    project: &Project,
) -> Vec<Whereabouts> {
    if looks.is_empty() {
        return Vec::new();
    }
    let load = |file: &PathBuf| Program::load(file, project.folder());
    let hypervisor = load(&programs.hypervisor);
    let guest = programs.guest(running).and_then(load);
    let place = |cpu: &Cpu| {
        let in_hypervisor = |loaded| hypervisor.as_ref()?.place(cpu.pc, loaded);
        let in_guest = || guest.as_ref()?.place(cpu.pc, true);
        match cpu.world {
            World::Hypervisor => in_hypervisor(true),
            World::Guest => in_guest(),
            // The hypervisor has left its load address long before a guest runs, and the guest may have
            // the same load address.
            // Without a guest, a kernel that hangs early may still be where it was loaded.
            World::Unknown => in_guest().or_else(|| in_hypervisor(programs.guests.is_empty())),
        }
    };
    let mut all: Vec<Whereabouts> = Vec::new();
    for cpus in looks.iter().map(|look| processors(look)) {
        for (index, cpu) in cpus.iter().enumerate() {
            count(&mut all, index, cpu, place(cpu), looks.len());
        }
    }
    all.sort_by_key(|stopped| (stopped.cpu, std::cmp::Reverse(stopped.looks[0])));
    all
}

/// The remark for a reader if registers were sampled, and no program counter was found in them.
pub fn not_read(looks: &[String]) -> Option<String> {
    let none = looks.iter().all(|look| processors(look).is_empty());
    (none && !looks.is_empty()).then(|| {
        format!(
            "where the processors were is not known: QEMU's answers have no program counter that the \
             harness knows; {REGISTERS} has them"
        )
    })
}

/// Adds a processor's place in one sample to the places so far.
fn count(all: &mut Vec<Whereabouts>, index: usize, cpu: &Cpu, place: Option<Place>, of: usize) {
    let (pc, world) = (format!("{:#x}", cpu.pc), cpu.world);
    let same = |known: &&mut Whereabouts| {
        let here = match (&known.place, &place) {
            (Some(known), Some(place)) => {
                (&known.program, &known.function) == (&place.program, &place.function)
            }
            (None, None) => known.pc == pc,
            _ => false,
        };
        here && known.cpu == index && known.world == world
    };
    match all.iter_mut().find(same) {
        Some(known) => known.looks[0] += 1,
        None => all.push(Whereabouts {
            cpu: index,
            looks: [1, of],
            pc,
            world,
            place,
        }),
    }
}

/// Whose code a processor ran. It matters because on riscv64 the two may be linked for the same
/// addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// The hypervisor's, or its firmware's.
    Hypervisor,
    /// The guest's.
    Guest,
    /// The registers do not show it.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cpu {
    pc: u64,
    world: World,
}

/// The processors in QEMU's answer, in order.
fn processors(registers: &str) -> Vec<Cpu> {
    let mut sections = registers.split("CPU#");
    sections.next();
    sections.filter_map(processor).collect()
}

fn processor(registers: &str) -> Option<Cpu> {
    let value = |label: &str| {
        let (_, rest) = registers.split_once(label)?;
        hexadecimal(rest)
    };
    // On x86_64 R15 is a general register, so it comes last: on Arm, in the 32-bit state, it is the
    // program counter.
    let pc = ["\n pc ", "PC=", "RIP="].into_iter().find_map(value);
    let pc = pc.or_else(|| Some(linear(registers, value("EIP=")?)));
    let pc = pc.or_else(|| value("R15="))?;
    Some(Cpu {
        pc,
        world: world(registers),
    })
}

/// The number that a text begins with, behind spaces.
fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.trim_start();
    let end = digits.find(|c: char| !c.is_ascii_hexdigit());
    u64::from_str_radix(&digits[..end.unwrap_or(digits.len())], 16).ok()
}

/// The linear address of an x86 processor that is not in 64-bit mode: its EIP counts from the base of its
/// code segment, which QEMU shows behind the selector (`CS =0008 00000000 …`). The sum wraps at 4 GiB.
fn linear(registers: &str, eip: u64) -> u64 {
    let segment = registers.split_once("\nCS =").map(|(_, rest)| rest);
    let base = segment.and_then(|rest| hexadecimal(rest.split_once(' ')?.1));
    eip.wrapping_add(base.unwrap_or_default()) & u64::from(u32::MAX)
}

/// riscv64 shows whether the hart is virtual; aarch64 shows the exception level: the hypervisor is at
/// EL2, or else at EL1 with a guest at EL0. So EL1 may be either one, but in that case the two are
/// linked for different addresses.
fn world(registers: &str) -> World {
    let virtual_hart = registers
        .lines()
        .find_map(|line| line.trim().strip_prefix("V ")?.trim().strip_prefix('='));
    match virtual_hart.map(str::trim) {
        Some("1") => World::Guest,
        Some(_) => World::Hypervisor,
        None if registers.contains(" EL2") => World::Hypervisor,
        None if registers.contains(" EL0") => World::Guest,
        None => World::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(registers: &str) -> (u64, World) {
        let cpus = processors(registers);
        assert_eq!(cpus.len(), 1, "{cpus:?}");
        (cpus[0].pc, cpus[0].world)
    }

    #[test]
    fn the_program_counter_is_found_on_every_architecture() {
        let riscv =
            "\nCPU#0\n V      =   1\n pc       ffffffc080200abc\n mhartid  0000000000000000\n";
        assert_eq!(one(riscv), (0xffff_ffc0_8020_0abc, World::Guest));
        let firmware = riscv.replace("=   1", "=   0");
        assert_eq!(one(&firmware).1, World::Hypervisor);
        let arm = "\r\nCPU#0\r\n PC=ffff00004027af9c X00=ffff0000402f33d8\r\n\
                   PSTATE=200003c9 --C- EL2h  SVCR=00000000\r\n";
        assert_eq!(one(arm), (0xffff_0000_4027_af9c, World::Hypervisor));
        assert_eq!(one(&arm.replace("EL2h", "EL1h")).1, World::Unknown);
        let x86 = "CPU#0\nRAX=0000000000000262 RBX=ffff800000321750\n\
                   RIP=ffff800000245f12 RFL=00000046 [---Z-P-] CPL=0";
        assert_eq!(one(x86), (0xffff_8000_0024_5f12, World::Unknown));
    }

    /// As QEMU shows a processor that is not in its 64-bit state.
    #[test]
    fn the_program_counter_of_a_32_bit_processor_is_found_too() {
        let x86 = |eip: &str, base: &str| {
            let segment = format!("CS =0008 {base} ffffffff 00cf9a00 DPL=0 CS32 [-R-]");
            format!(
                "\r\nCPU#0\r\nEAX=00000000 EBX=00009500 ECX=00000000 EDX=000003f8\r\n\
                 ESI=00000000 EDI=00000000 EBP=00000000 ESP=00006f08\r\n\
                 EIP={eip} EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\r\n\
                 ES =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]\r\n{segment}\r\n"
            )
        };
        assert_eq!(
            one(&x86("0010001b", "00000000")),
            (0x10_001b, World::Unknown)
        );
        // The first instruction of all, in real mode: what counts is the linear address.
        assert_eq!(one(&x86("0000fff0", "ffff0000")).0, 0xffff_fff0);
        assert_eq!(one(&x86("00000010", "fffffff8")).0, 8);
        let arm = "CPU#0\nR00=00000000 R01=00000000\nR14=00000000 R15=40010004\n\
                   PSR=400001d3 -Z-- A NS svc32\n";
        assert_eq!(one(arm).0, 0x4001_0004);
        // On x86_64 that is a general register.
        let x86_64 =
            "CPU#0\nR14=0000000000000001 R15=0000000000000002\nRIP=0000000000000010 RFL=0\n";
        assert_eq!(one(x86_64).0, 0x10);
    }

    #[test]
    fn every_processor_counts_and_nonsense_gives_none() {
        let two = "CPU#0\nRIP=0000000000000010 RFL=0\n\nCPU#1\nRIP=0000000000000020 RFL=0\n";
        let pcs: Vec<_> = processors(two).iter().map(|cpu| cpu.pc).collect();
        assert_eq!(pcs, [0x10, 0x20]);
        for nonsense in ["", "CPU#", "CPU#0\nRIP=", "CPU#0\n pc zz\n", "PC=10"] {
            assert_eq!(processors(nonsense), [], "{nonsense:?}");
        }
    }

    #[test]
    fn of_two_guests_it_is_the_one_that_was_loaded_last() {
        let programs = Programs {
            hypervisor: "hypervisor".into(),
            guests: vec![("one".into(), "a/1".into()), ("two".into(), "a/2".into())],
        };
        let file = |path| programs.guest(path).map(|file| file.to_str().unwrap());
        assert_eq!(file(Some("/sbin/two")), Some("a/2"));
        assert_eq!(file(Some("/sbin/one")), Some("a/1"));
        assert_eq!(file(None), Some("a/1"));
    }

    #[test]
    fn an_address_in_neither_program_is_still_told() {
        let programs = Programs {
            hypervisor: "/no/such/file".into(),
            guests: Vec::new(),
        };
        let looks = ["10", "20", "20"].map(|pc| format!("CPU#0\nRIP={pc} \n"));
        let locate = |looks| locate(looks, &programs, None, &Project::new("/"));
        let nowhere = |stopped: &Whereabouts| stopped.to_string();
        assert_eq!(
            locate(&looks).iter().map(nowhere).collect::<Vec<_>>(),
            [
                "2 of 3 times 0x20, for which no program has a symbol",
                "1 of 3 times 0x10, for which no program has a symbol"
            ]
        );
        let once = "0x10, for which no program has a symbol";
        assert_eq!(locate(&looks[..1])[0].to_string(), once);
        assert_eq!(locate(&[]), []);
    }

    #[test]
    fn registers_that_nobody_can_read_are_named() {
        let understood = ["CPU#0\nRIP=10 \n".to_owned()];
        assert_eq!(not_read(&understood), None);
        assert_eq!(not_read(&[]), None);
        let note = not_read(&["CPU#0\nNIP=10 \n".to_owned()]).unwrap();
        assert!(note.contains("registers.txt"), "{note}");
    }
}
