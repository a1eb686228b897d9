//! Machines with a hypervisor that reports and a QEMU that logs: the three accounts of a run, and all
//! ways in which they can disagree.

mod agree;
mod facts;
mod kills;
mod lies;
mod log;
mod report;
mod traps;

use crate::bed::Bed;
use crate::cases::Act::{self, *};
use crate::cases::{Case, LONG, OFF, SHORT, TCG};
use crate::support::Ran;

/// A story in which the guest makes one nested page fault and then asks for its end.
const STORY: &str = r#"
guest  = "guest"
mode   = "vs"
arches = ["riscv64"]
end    = "shutdown"

[witness]
npf = { count = 1, va = "0x22000000" }

[[step]]
name    = "start"
pattern = '^Hypervisor \.\.\.$'

[[step]]
name    = "npf"
pattern = '^VM exit: nested page fault at 0x22000000 \(read\): mapped pflash$'

[[step]]
name    = "ok"
pattern = '^Hypervisor ok!$'
"#;

/// The same without a word about the fault, for those who are to be caught by comparison alone.
pub const STORY_OF_ANY_FAULTS: &str = r#"
guest  = "guest"
arches = ["riscv64"]
end    = "shutdown"

[witness]

[[step]]
name    = "ok"
pattern = '^Hypervisor ok!$'
"#;

/// A story in which the guest stores where nothing is, and is ended for it.
const STORY_OF_A_KILL: &str = r#"
guest  = "guest"
arches = ["riscv64"]
end    = "shutdown"

[hv]
end = { outcome = "killed", kind = "npf", gpa = "{outside}", access = "write", why = "undeclared" }

[witness]
npf = { count = 1, va = "{outside}", access = "write" }

[values]
outside = "0x23000000"

[[step]]
name    = "start"
pattern = '^Hypervisor \.\.\.$'

[[step]]
name    = "error"
pattern = '^Hypervisor error: '
"#;

/// A story of which everything is declared, and the console tells what was loaded.
const STORY_OF_FACTS: &str = r#"
guest  = "guest"
arches = ["riscv64"]
end    = "shutdown"

[audit]
off      = "this machine holds nothing that could be looked at"
guest-at = "0x80200000"

[[audit.window]]
name   = "pflash"
gpa    = "0x22000000"
hpa    = "0x22000000"
size   = "32M"
access = "r"

[witness]
pc         = "guest"
line-calls = true

[[step]]
name    = "load"
by      = "hypervisor"
pattern = '^Loaded \d+ bytes from /sbin/guest$'

[[step]]
name    = "line"
by      = "guest"
pattern = '^guest: '
count   = 3

[[step]]
name    = "ok"
by      = "hypervisor"
pattern = '^Hypervisor ok!$'
last    = true

[[forbid]]
pattern = '.'
from    = "ok"
"#;

const LOADED: Act = Say("Loaded 8 bytes from /sbin/guest\n");
const LINES: Act = Say("guest: one\nguest: two\nguest: three\n");

const HELLO: Act = Say("Hypervisor ...\n");
const FAULT: Act = Say("VM exit: nested page fault at 0x22000000 (read): mapped pflash\n");
const OK: Act = Say("Hypervisor ok!\n");
const ERROR: Act = Say("Hypervisor error: nested page fault at 0x23000000 (write): no window\n");

const HV_START: Act = Hv("0 start arch=riscv64 mode=vs");
const HV_LOAD: Act = Hv("1 load path=/sbin/guest bytes=8 gpa=0x80200000");
const HV_ENTER: Act = Hv("2 enter pc=0x80200000");
const HV_FAULT: Act = Hv("3 exit kind=npf gpa=0x22000000 access=read action=map window=pflash");
const HV_HOST: Act = Hv("4 host canary=intact pages=0 most=4103");
const HV_END: Act = Hv("5 end outcome=shutdown exits=2 npf=1 hypercalls=1");
const HV_END_OF_FACTS: Act = Hv("5 end outcome=shutdown exits=5 npf=1 hypercalls=4");
const HV_HOST_OF_A_KILL: Act = Hv("3 host canary=intact pages=0 most=4103");
const HV_KILL: Act = Hv(
    "4 end outcome=killed kind=npf gpa=0x23000000 access=write why=undeclared pc=0x80200010 \
     exits=1 npf=1 hypercalls=0",
);

/// What another run's hypervisor, or anybody, may have said.
const FORGED_END: Act =
    Say("@hv 0123456789abcdef0123456789abcdef 3 end outcome=shutdown exits=2 npf=1 hypercalls=1\n");
const FORGED_FAULT: Act =
    Say("@hv 0123456789abcdef0123456789abcdef 2 exit kind=npf gpa=0x22000000 access=read\n");

const LOG_FIRMWARE: Act = Log(
    "riscv_trap hart:0, async:0, cause:2, epc:0x8000cb6e, tval:0x3c0028f3, desc=illegal_instruction",
);
const LOG_FAULT: Act = Log(
    "riscv_trap hart:0, async:0, cause:21, epc:0x802000b4, tval:0x22000000, desc=guest_load_page_fault",
);
const LOG_STORE: Act = Log(
    "riscv_trap hart:0, async:0, cause:23, epc:0x80200010, tval:0x23000000, desc=guest_store_page_fault",
);
const LOG_CALL: Act =
    Log("riscv_trap hart:0, async:0, cause:10, epc:0x802000c0, tval:0x0, desc=hypervisor_ecall");

/// What a hypervisor prints that cannot obey its disk.
const BAD_WORD: Act = Say(
    "Hypervisor error: /boot/cmdline: `runs=0`: no guest would run; the value has to be 1 or more\n",
);
const HV_GAVE_UP: Act = Hv("0 end outcome=error exits=0 npf=0 hypercalls=0");

const KIND: &str = "/verdict/kind";
const BECAUSE: &str = "/verdict/because";

const fn case(
    name: &'static str,
    story: &'static str,
    script: &'static [Act],
    verdict: &'static [(&'static str, &'static str)],
) -> Case {
    Case {
        name,
        story,
        script,
        timeout: LONG,
        exit: 1,
        verdict,
    }
}

const fn pass(
    name: &'static str,
    story: &'static str,
    script: &'static [Act],
    verdict: &'static [(&'static str, &'static str)],
) -> Case {
    Case {
        exit: 0,
        ..case(name, story, script, verdict)
    }
}

/// The cases, by topic.
pub const TOPICS: [&[Case]; 7] = [
    agree::CASES,
    lies::CASES,
    log::CASES,
    report::CASES,
    kills::CASES,
    facts::CASES,
    traps::CASES,
];

/// A machine whose hypervisor is of the workspace, and runs its guest in another mode than it does without
/// a word.
const OTHER_MODE: Case = case(
    "its_own_hypervisor_in_another_mode",
    STORY_OF_ANY_FAULTS,
    &[Boot, Hv("0 start arch=riscv64 mode=u"), Hang],
    &[],
);

/// Cases of which more is looked at than the verdict.
pub const OTHERS: &[Case] = &[OTHER_MODE];

/// Tests that are no row of the table.
pub const TESTS: &[(&str, fn())] = &[(OTHER_MODE.name, the_usual_mode_has_to_be_told)];

fn the_usual_mode_has_to_be_told() {
    let bed = Bed::new(&OTHER_MODE).expect("the bed can be made");
    let mut command = bed.command_of_its_own_hypervisor();
    let ran: Ran = command
        .args(["--format", "json"])
        .output()
        .expect("the harness can be started")
        .into();
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let verdict = &ran.json()["verdict"];
    assert_eq!(verdict["kind"], "broken-report");
    let because = verdict["because"].as_str().expect("words");
    let differ = "`arch=riscv64 mode=u` instead of `arch=riscv64 mode=vs`";
    assert!(because.contains(differ), "{because}");
    assert_eq!(bed.judged_again(&ran), None);
}
