//! The walkers of second stages, held against QEMU's own translation.
//!
//! A machine is stopped while it is in its guest, whose own translation is off, so that QEMU's monitor
//! takes what it is asked to translate (`gva2gpa`) for a guest-physical address and leads it through the
//! second stage alone, as for a load. First through the tables that the hypervisor made; then through random ones that the
//! test puts in their place.
//!
//! x86_64 is left out: there QEMU passes nested paging over (10.0.2, `x86_cpu_get_phys_page_attrs_debug`),
//! and takes the guest's CR3 for an address of the machine's. Asked while a guest runs whose CR3 is 0x1000,
//! it answered `Unmapped` to every address, those of the guest's code among them.

use harness::boot::{self, Request};
use harness::judge::audit::{Hint, Isa, Machine, Mapping, Root, Stands, Unreadable, Walked, take};
use harness::machine::audit::Gdb;
use harness::machine::process::{Came, Qemu};
use harness::{Arch, Project};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use tokio::net::UnixListener;
use tokio::sync::Notify;

/// The machine's RAM, of which QEMU keeps a file.
const RAM: u64 = 128 << 20;

/// Where in that the random tables lie: behind everything that the hypervisor uses.
const TABLES: u64 = 112 << 20;

/// How many tables there are of each level but the root's.
const TABLES_OF_A_LEVEL: u64 = 8;

/// The entries of a table that say anything, and more of them in the root.
const ENTRIES: [u64; 8] = [0, 1, 2, 16, 255, 256, 510, 511];
const ENTRIES_OF_A_LARGE_ROOT: [u64; 3] = [600, 1024, 2047];

/// How often the tables are made anew, and how many addresses are looked up in each.
const ROUNDS: usize = 8;
const ADDRESSES: usize = 200;

/// How often the machine is stopped before it stands in its guest, where it is nearly always.
const STOPS: usize = 1000;

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

/// Numbers that look random and are the same in each run (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of(&mut self, list: &[u64]) -> u64 {
        list[self.below(list.len() as u64) as usize]
    }
}

/// The entries that a root may have.
fn entries_of_root(arch: Arch) -> Vec<u64> {
    match arch {
        Arch::Riscv64 => [&ENTRIES[..], &ENTRIES_OF_A_LARGE_ROOT].concat(),
        _ => ENTRIES.into(),
    }
}

/// Has tables of three levels put in the place of the hypervisor's.
fn make_tables(machine: &Stopped, random: &mut Random) {
    let mut place = machine.base() + TABLES;
    let mut below = Vec::new();
    for level in 0..2 {
        let tables: Vec<_> = (0..TABLES_OF_A_LEVEL)
            .map(|nth| place + (nth << 12))
            .collect();
        for &table in &tables {
            let mut entries = vec![0; 512];
            for at in ENTRIES {
                entries[at as usize] = entry(machine.arch, level, &below, random);
            }
            machine.write(table, &entries);
        }
        place += TABLES_OF_A_LEVEL << 12;
        below = tables;
    }
    let size = if machine.arch == Arch::Riscv64 {
        2048
    } else {
        512
    };
    let mut entries = vec![0; size];
    for at in entries_of_root(machine.arch) {
        entries[at as usize] = entry(machine.arch, 2, &below, random);
    }
    machine.write(machine.root(), &entries);
}

/// An entry of a table: one in four is noise.
fn entry(arch: Arch, level: u32, below: &[u64], random: &mut Random) -> u64 {
    let noise = random.below(4) == 0;
    let to_table = level > 0 && random.below(2) == 0;
    let bits = random.next();
    let aligned = !((1_u64 << (12 + 9 * level)) - 1);
    match arch {
        Arch::Riscv64 => {
            // What the processor may do or not is left out, since the walker takes what allows more: Svpbmt and Svnapot
            // (bits 61 to 63), and A and D, which it may set itself, are set.
            const V: u64 = 1;
            const RWX: u64 = 7 << 1;
            const U: u64 = 1 << 4;
            const A_AND_D: u64 = 3 << 6;
            const ADDRESS: u64 = (1 << 44) - 1;
            if to_table {
                let flags = if noise { bits & (U | A_AND_D) } else { 0 };
                return random.of(below) >> 12 << 10 | flags | V;
            }
            let alignment = if noise { !0 } else { aligned >> 12 };
            let address = bits >> 20 & ADDRESS & alignment;
            let mut flags = bits & RWX | A_AND_D | V | U;
            if noise {
                flags ^= U & bits | (bits << 30 & 0x7f << 54);
            }
            // Without a right it would be a table.
            let flags = if flags & RWX == 0 { flags | 2 } else { flags };
            address << 10 | flags
        }
        _ => {
            const VALID: u64 = 1;
            const TABLE_OR_PAGE: u64 = 2;
            const AF: u64 = 1 << 10;
            if to_table {
                let flags = if noise { bits & !((1 << 59) - 1) } else { 0 };
                return random.of(below) | flags | VALID | TABLE_OR_PAGE;
            }
            let kind = if level == 0 {
                VALID | TABLE_OR_PAGE
            } else {
                VALID
            };
            // The machine's addresses have 40 bits, by VTCR_EL2.PS. AF is set: QEMU passes it over where it
            // only translates.
            let address = bits >> 8 & ((1 << 40) - 1) & aligned;
            let attributes = bits & (0x3f << 2 | 3 << 6 | 3 << 8);
            if noise {
                let upper = bits & !((1 << 50) - 1);
                let bad = [0, 1 << 40, 1 << 47, VALID];
                return (address | attributes | upper | AF | kind) ^ random.of(&bad);
            }
            address | attributes | AF | kind
        }
    }
}

/// An address behind entries that say something.
fn address(arch: Arch, random: &mut Random) -> u64 {
    let root = random.of(&entries_of_root(arch));
    let tables = random.of(&ENTRIES) << 21 | random.of(&ENTRIES) << 12;
    root << 30 | tables | random.below(4096)
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

/// Stops a machine that runs until it stands in its guest.
async fn stop(arch: Arch, gdb: &mut Gdb) -> BTreeMap<&'static str, u64> {
    let names: &[&str] = match arch {
        Arch::Riscv64 => &["priv", "hgatp", "sstatus"],
        _ => &["cpsr", "HCR_EL2", "VTTBR_EL2", "VTCR_EL2"],
    };
    for _ in 0..STOPS {
        gdb.interrupt().await.unwrap();
        gdb.packet().await.unwrap();
        let values = gdb.read_registers(names).await.unwrap();
        let values = values.into_iter().map(|value| value.unwrap().unwrap());
        let registers: BTreeMap<_, _> = names.iter().copied().zip(values).collect();
        let in_guest = match arch {
            Arch::Riscv64 => registers["priv"] & 4 != 0,
            _ => registers["HCR_EL2"] & 1 != 0 && registers["cpsr"] & 8 == 0,
        };
        if in_guest {
            return registers;
        }
        gdb.go().await.unwrap();
    }
    panic!("it is never in its guest");
}

/// The comparison itself, with a machine that is about to start.
async fn look(arch: Arch, mut gdb: Gdb, ram: File, loops: &Notify) {
    gdb.describe().await.unwrap();
    gdb.go().await.unwrap();
    loops.notified().await;
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
        let loops = Notify::new();
        // Who writes to a full pipe answers nobody.
        let drained = async {
            let mut console = Vec::new();
            loop {
                match qemu.next().await {
                    Came::Console(bytes) => {
                        console.extend_from_slice(bytes);
                        let text = String::from_utf8_lossy(&console);
                        if text.contains("Entering VM run loop") {
                            loops.notify_one();
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
            () = look(arch, Gdb::new(stream), ram, &loops) => {}
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
