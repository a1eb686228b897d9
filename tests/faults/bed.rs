//! A workspace whose QEMU is the fake.

use crate::cases::Case;
use crate::fake;
use crate::support::{self, Ran};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Where the harness leaves the hypervisors that it builds.
const OWN_BUILDS: &str = "target/hypervisor/riscv64";

/// Where the two programs are linked.
const LINKED_GUEST: u64 = 0x8020_0000;
const LINKED_HYPERVISOR: u64 = 0xffff_ffc0_8020_0000;

/// An ELF file for riscv64 whose only segment is 8 bytes of code, linked at an address.
fn elf(linked: u64) -> Vec<u8> {
    const CODE: &[u8; 8] = b"contents";
    const HEADERS: u64 = 64 + 56;
    let half = |value: u16| value.to_le_bytes().to_vec();
    let word = |value: u32| value.to_le_bytes().to_vec();
    let long = |value: u64| value.to_le_bytes().to_vec();
    let header = [
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(),
        [half(2), half(0xf3), word(1)].concat(), // ET_EXEC, EM_RISCV
        [long(linked), long(64), long(0), word(0)].concat(), // e_entry, e_phoff
        [64, 56, 1, 64, 0, 0].map(half).concat(), // e_ehsize, e_phentsize, e_phnum
    ];
    let size = CODE.len() as u64;
    let segment = [
        [word(1), word(5)].concat(), // PT_LOAD, readable and executable
        [HEADERS, linked, linked, size, size, 4].map(long).concat(),
    ];
    [header.concat(), segment.concat(), CODE.to_vec()].concat()
}

/// A workspace of its own, whose QEMU is the fake.
pub struct Bed {
    root: tempfile::TempDir,
    timeout: &'static str,
}

impl Bed {
    /// Makes one for a case.
    pub fn new(case: &Case) -> std::io::Result<Self> {
        // A space and a comma: QEMU's option lists and shells mind both.
        let root = tempfile::Builder::new().prefix("fault bed, ").tempdir()?;
        let at = |path: &str| root.path().join(path);
        for folder in ["configs/machines", "tests/scenarios", "pids"] {
            fs::create_dir_all(at(folder))?;
        }
        let program = std::env::current_exe()?;
        let words = [fake::FLAG, case.name, &at("pids").to_string_lossy()]
            .map(|word| format!("{word:?}"))
            .join(", ");
        let machine = format!(
            "arch = 'riscv64'\n\
             [qemu]\nprogram = {program:?}\noldest = '7.2'\n\
             machine = ['-kernel', '{{kernel}}', {words}, '{{disk}}']\n\
             [disk]\nsize = '34M'\n\
             [witness]\nformat = 'riscv-trap'\nargs = ['{{trace_log}}']\n"
        );
        fs::write(at("configs/machines/riscv64.toml"), machine)?;
        let recipe = "[riscv64]\ntarget = 'none'\naxconfig = '../none'\nmode = 'vs'\n";
        fs::write(at("configs/build.toml"), recipe)?;
        fs::write(at("tests/scenarios/story.toml"), case.story)?;
        fs::write(at("kernel.bin"), elf(LINKED_HYPERVISOR))?;
        fs::write(at("guest.bin"), elf(LINKED_GUEST))?;
        Ok(Self {
            root,
            timeout: case.timeout,
        })
    }

    /// A path in it.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// The harness's command that runs the case, as people see it.
    pub fn command(&self) -> Command {
        let mut command = self.command_that_builds();
        command.arg("--hypervisor").arg(self.at("kernel.bin"));
        command
    }

    /// The same, with a hypervisor that the bed's own workspace is said to have built.
    pub fn command_of_its_own_hypervisor(&self) -> Command {
        let folder = self.at(OWN_BUILDS);
        fs::create_dir_all(&folder).expect("the bed is ours");
        let hypervisor = folder.join("hypervisor");
        fs::copy(self.at("kernel.bin"), &hypervisor).expect("the bed is ours");
        let mut command = self.command_that_builds();
        command.arg("--hypervisor").arg(hypervisor);
        command
    }

    /// The same, but the hypervisor has to be built.
    pub fn command_that_builds(&self) -> Command {
        let mut command = support::command(&["run", "--arch", "riscv64", "--scenario", "story"]);
        command.args(["--timeout", self.timeout, "--root"]);
        command.arg(self.root.path()).arg("--guest");
        command.arg(self.at("guest.bin"));
        command
    }

    /// Runs the case, for its report as JSON.
    pub fn run(&self) -> Ran {
        let run = self.command().args(["--format", "json"]).output();
        run.expect("the harness can be started").into()
    }

    /// What the run's own records are judged to be, where that is not what the run was.
    pub fn judged_again(&self, ran: &Ran) -> Option<String> {
        let runs = self.runs();
        let dir = runs.first().expect("every case leaves a record");
        let again = support::harness(&["judge", &dir.to_string_lossy(), "--format", "json"]);
        let verdicts = [ran, &again].map(|ran| (ran.code, ran.json()["verdict"].clone()));
        let [first, second] = &verdicts;
        (first != second).then(|| format!("the run's record is judged to be {second:?}"))
    }

    /// The directories of the runs so far.
    pub fn runs(&self) -> Vec<PathBuf> {
        let runs = fs::read_dir(self.at("target/harness/runs"));
        let runs = runs.into_iter().flatten();
        runs.map(|run| run.expect("readable").path()).collect()
    }

    /// The processes that have played the machine, or were started by it.
    pub fn pids(&self) -> Vec<String> {
        let pids = fs::read_dir(self.at("pids")).expect("the bed is ours");
        let name = |pid: std::io::Result<fs::DirEntry>| pid.expect("readable").file_name();
        pids.map(|pid| name(pid).to_string_lossy().into_owned())
            .collect()
    }

    /// Processes and files that should not be there any more.
    pub fn left_overs(&self) -> Vec<String> {
        let pids = self.pids().into_iter().filter(|pid| !gone(pid));
        let processes = pids.map(|pid| format!("process {pid} of the machine is still there"));
        let files = self.runs().into_iter().flat_map(|run| {
            let files = fs::read_dir(run).expect("a run's directory");
            files.map(|file| file.expect("readable").file_name())
        });
        let files = files.map(|name| name.to_string_lossy().into_owned());
        let temporary = files.filter(|name| name.starts_with('.') || name.starts_with("vl."));
        let temporary = temporary.map(|name| format!("the temporary file {name} is left"));
        processes.chain(temporary).collect()
    }
}

/// Whether a process has ended. One that was killed may take the kernel a moment, in which it is
/// still there, or nobody has yet reaped it.
pub fn gone(pid: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Err(_) => return true,
            Ok(stat) if stat.contains(") Z ") => return true,
            Ok(_) if Instant::now() > until => return false,
            Ok(_) => std::thread::yield_now(),
        }
    }
}
