//! The walkers of second stages, held against QEMU's own translation.
//!
//! A machine is stopped while it is in its guest, whose own translation is off, so that QEMU's monitor takes what it
//! is asked to translate (`gva2gpa`) for a guest-physical address and leads it through the second stage alone, as for
//! a load. First through the tables that the hypervisor made; then through random ones that the test puts in their
//! place.
//!
//! x86_64 is left out: there QEMU passes nested paging over (10.0.2, `x86_cpu_get_phys_page_attrs_debug`),
//! and takes the guest's CR3 for an address of the machine's. Asked while a guest runs whose CR3 is 0x1000,
//! it answered `Unmapped` to every address, those of the guest's code among them.

#[path = "audit_qemu/tables.rs"]
mod tables;

use harness::boot::{self, Request};
use harness::judge::audit::{Hint, Isa, Machine, Mapping, Root, Stands, Unreadable, Walked, take};
use harness::machine::audit::Gdb;
use harness::machine::process::{Came, Qemu};
use harness::{Arch, Project};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use tables::{Random, address, make_tables};
use tokio::net::UnixListener;
use tokio::sync::Notify;

/// The machine's RAM, of which QEMU keeps a file.
const RAM: u64 = 128 << 20;

/// How often the tables are made anew, and how many addresses are looked up in each.
const ROUNDS: usize = 8;
const ADDRESSES: usize = 200;

/// A machine that stands in its guest.
struct Stopped {
    arch: Arch,
    ram: File,
    registers: BTreeMap<&'static str, u64>,
}

impl Stopped {
    fn base(&self) -> u64 {
        match self.arch {
            Arch::Riscv64 => 0x8000_0000,
            _ => 0x4000_0000,
        }
    }

    /// Where the root is.
    fn root(&self) -> u64 {
        match self.arch {
            Arch::Riscv64 => (self.registers["hgatp"] & ((1 << 44) - 1)) << 12,
            _ => self.registers["VTTBR_EL2"] & 0xffff_ffff_f000,
        }
    }

    fn walk(&mut self) -> Walked {
        let isa = match self.arch {
            Arch::Riscv64 => Isa::Riscv64,
            _ => Isa::Aarch64,
        };
        // The guest has sstatus for itself; the hypervisor leaves MXR clear.
        let root = self
            .registers
            .get("hgatp")
            .map(|&hgatp| Root::Riscv64 { hgatp, mxr: false });
        let hint = Hint {
            stands: Stands::InGuest,
            root,
            ..Hint::default()
        };
        take(isa, self, &hint).unwrap()
    }

    /// The entries that tables of three levels have for an address, as far as they lead to RAM.
    fn entries(&mut self, gpa: u64) -> Vec<u64> {
        let mut table = self.root();
        let mut entries = Vec::new();
        for shift in [30, 21, 12] {
            let size = if shift == 30 { 2048 } else { 512 };
            let mut entry = [0; 8];
            if self
                .read(table + 8 * ((gpa >> shift) % size), &mut entry)
                .is_err()
            {
                break;
            }
            let entry = u64::from_le_bytes(entry);
            entries.push(entry);
            table = match self.arch {
                Arch::Riscv64 => (entry >> 10 & ((1 << 44) - 1)) << 12,
                _ => entry & 0xffff_ffff_f000,
            };
        }
        entries
    }

    fn write(&self, hpa: u64, table: &[u64]) {
        let bytes: Vec<_> = table.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        self.ram.write_all_at(&bytes, hpa - self.base()).unwrap();
    }
}

impl Machine for Stopped {
    fn read(&mut self, hpa: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let offset = hpa.checked_sub(self.base());
        let read = offset.and_then(|offset| self.ram.read_exact_at(into, offset).ok());
        read.ok_or_else(|| Unreadable(format!("{hpa:#x} is no RAM")))
    }

    fn register(&mut self, name: &str) -> Result<Option<u64>, Unreadable> {
        Ok(self.registers.get(name).copied())
    }
}

/// The edges of mappings, and what is just beyond them.
fn edges(mappings: &[Mapping]) -> Vec<u64> {
    let edges = mappings.iter().flat_map(|mapping| {
        let end = mapping.gpa + mapping.size;
        let middle = mapping.gpa + mapping.size / 2;
        let inside = [
            mapping.gpa,
            mapping.gpa + 0xfff,
            middle,
            end - 0x1000,
            end - 1,
        ];
        inside.into_iter().chain([mapping.gpa.wrapping_sub(1), end])
    });
    edges.collect()
}

/// Where a load comes to by the mappings; none where it faults.
fn by_mappings(mappings: &[Mapping], gpa: u64) -> Option<u64> {
    let mut mappings = mappings.iter();
    let mapping =
        mappings.find(|mapping| mapping.gpa <= gpa && gpa - mapping.gpa < mapping.size)?;
    let hpa = mapping.hpa + (gpa - mapping.gpa);
    mapping.access.read.then_some(hpa)
}

/// Where a load comes to by QEMU.
async fn by_qemu(gdb: &mut Gdb, gpa: u64) -> Option<u64> {
    let answer = gdb.monitor(&format!("gva2gpa {gpa:#x}")).await.unwrap();
    match answer.trim() {
        "Unmapped" => None,
        answer => {
            let hpa = answer.strip_prefix("gpa: ").expect(answer);
            Some(u64::from_str_radix(hpa.trim_start_matches("0x"), 16).expect(answer))
        }
    }
}

/// Compares the two; says how many loads succeed, and how many fault.
async fn compare(
    gdb: &mut Gdb,
    machine: &mut Stopped,
    walked: &Walked,
    addresses: &[u64],
) -> (usize, usize) {
    assert_eq!(walked.gaps, [""; 0]);
    let (mut mapped, mut unmapped) = (0, 0);
    for &gpa in addresses {
        let [ours, qemus] = [by_mappings(&walked.mappings, gpa), by_qemu(gdb, gpa).await];
        assert_eq!(ours, qemus, "GPA {gpa:#x}: {:#x?}", machine.entries(gpa));
        match qemus {
            Some(_) => mapped += 1,
            None => unmapped += 1,
        }
    }
    (mapped, unmapped)
}

/// Stops a machine that is about to enter its guest, once it has.
async fn stop(arch: Arch, gdb: &mut Gdb) -> BTreeMap<&'static str, u64> {
    let (first_instruction, names): (_, &[_]) = match arch {
        Arch::Riscv64 => (0x8020_0000, &["priv", "hgatp", "sstatus"]),
        _ => (0x4020_0000, &["cpsr", "HCR_EL2", "VTTBR_EL2", "VTCR_EL2"]),
    };
    gdb.interrupt().await.unwrap();
    gdb.packet().await.unwrap();
    gdb.breakpoint(true, first_instruction).await.unwrap();
    gdb.go().await.unwrap();
    gdb.packet().await.unwrap();
    let values = gdb.read_registers(names).await.unwrap();
    let values = values.into_iter().map(|value| value.unwrap().unwrap());
    let registers: BTreeMap<_, _> = names.iter().copied().zip(values).collect();
    let in_guest = match arch {
        Arch::Riscv64 => registers["priv"] & 4 != 0,
        _ => registers["HCR_EL2"] & 1 != 0 && registers["cpsr"] & 8 == 0,
    };
    assert!(in_guest, "{registers:x?}");
    registers
}

/// The comparison itself, with a machine that is about to start.
async fn look(arch: Arch, mut gdb: Gdb, ram: File, entering: &Notify) {
    gdb.describe().await.unwrap();
    gdb.go().await.unwrap();
    entering.notified().await;
    let registers = stop(arch, &mut gdb).await;
    let mut machine = Stopped {
        arch,
        ram,
        registers,
    };
    let walked = machine.walk();
    let mut addresses = edges(&walked.mappings);
    // A hole, the addresses of devices, the first one, and what the tables have no room for.
    addresses.extend([
        0,
        0x1000,
        0x900_0000,
        0x1000_0000,
        0x6000_0000,
        1 << 38,
        1 << 41,
        1 << 47,
    ]);
    let (mapped, unmapped) = compare(&mut gdb, &mut machine, &walked, &addresses).await;
    assert!(mapped >= 5 && unmapped >= 5, "{mapped} and {unmapped}");

    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut mapped, mut unmapped) = (0, 0);
    for _ in 0..ROUNDS {
        make_tables(&machine, &mut random);
        let walked = machine.walk();
        let mut addresses: Vec<_> = (0..ADDRESSES).map(|_| address(arch, &mut random)).collect();
        addresses.extend(edges(&walked.mappings[..walked.mappings.len().min(8)]));
        let (some, others) = compare(&mut gdb, &mut machine, &walked, &addresses).await;
        (mapped, unmapped) = (mapped + some, unmapped + others);
    }
    eprintln!("{arch}: {mapped} loads succeed, {unmapped} fault");
    assert!(mapped > 200 && unmapped > 200, "{mapped} and {unmapped}");
}

fn qemu_translates_as_we_do(arch: Arch) {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let guest = folder.path().join("loop");
    // A jump to itself: an image that runs without translation of its own.
    let jump: u32 = if arch == Arch::Riscv64 {
        0x0000_006f
    } else {
        0x1400_0000
    };
    fs::write(&guest, jump.to_le_bytes()).unwrap();
    let request = Request::new("gkernel").arch(arch).no_audit().guest(guest);
    let request = request.records(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let mut prepared = boot::prepare(&project, &request).await.unwrap();
        let launch = &mut prepared.launch;
        let ram = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(launch.folder.join("ram"))
            .unwrap();
        ram.set_len(RAM).unwrap();
        let listener = UnixListener::bind(launch.folder.join("gdb")).unwrap();
        let file = format!("memory-backend-file,id=ram,size={RAM},mem-path=ram,share=on");
        let words = ["-object", &file, "-machine", "memory-backend=ram"];
        let stub = ["-chardev", "socket,id=gdb,path=gdb", "-gdb", "chardev:gdb"];
        launch
            .args
            .extend(words.into_iter().chain(stub).map(str::to_owned));
        let mut qemu = Qemu::spawn(launch).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let entering = Notify::new();
        // Who writes to a full pipe answers nobody.
        let drained = async {
            let mut console = Vec::new();
            loop {
                match qemu.next().await {
                    Came::Console(bytes) => {
                        console.extend_from_slice(bytes);
                        let text = String::from_utf8_lossy(&console);
                        if text.contains("Entering VM run loop") {
                            entering.notify_one();
                        }
                    }
                    Came::Gone(status) => {
                        let console = String::from_utf8_lossy(&console);
                        panic!("QEMU is gone: {status:?}\n{console}");
                    }
                    _ => {}
                }
            }
        };
        tokio::select! {
            () = look(arch, Gdb::new(stream), ram, &entering) => {}
            () = drained => {}
        }
        fs::remove_file(prepared.launch.folder.join("ram")).unwrap();
    });
}

#[test]
fn qemu_translates_as_we_do_on_riscv64() {
    qemu_translates_as_we_do(Arch::Riscv64);
}

#[test]
fn qemu_translates_as_we_do_on_aarch64() {
    qemu_translates_as_we_do(Arch::Aarch64);
}
