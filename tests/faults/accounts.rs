//! Machines with a hypervisor that reports and a QEMU that logs: the three accounts of a run, and all
//! ways in which they can disagree.

mod agree;
mod differ;
mod kills;
mod logs;
mod reports;

use crate::cases::Act::{self, *};
use crate::cases::{Case, LONG, OFF, SHORT};

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

const HELLO: Act = Say("Hypervisor ...\n");
const FAULT: Act = Say("VM exit: nested page fault at 0x22000000 (read): mapped pflash\n");
const OK: Act = Say("Hypervisor ok!\n");
const ERROR: Act = Say("Hypervisor error: nested page fault at 0x23000000 (write): no window\n");

const HV_START: Act = Hv("0 start arch=riscv64 mode=vs");
const HV_ENTER: Act = Hv("1 enter pc=0x80200000");
const HV_FAULT: Act = Hv("2 exit kind=npf gpa=0x22000000 access=read action=map window=pflash");
const HV_END: Act = Hv("3 end outcome=shutdown exits=2 npf=1 hypercalls=1");
const HV_KILL: Act = Hv(
    "2 end outcome=killed kind=npf gpa=0x23000000 access=write why=undeclared pc=0x80200010 \
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

/// The rows of the table, by topic.
pub const TOPICS: [&[Case]; 5] = [
    agree::CASES,
    differ::CASES,
    logs::CASES,
    reports::CASES,
    kills::CASES,
];
