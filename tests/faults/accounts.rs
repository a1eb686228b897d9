//! Machines with a hypervisor that reports and a QEMU that logs: the three accounts of a run, and all
//! ways in which they can disagree.

use crate::bed::Bed;
use crate::cases::Act::{self, *};
use crate::cases::{Case, LONG, OFF, SHORT};
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
pub const TOPICS: [&[Case]; 1] = [CASES];

/// Every case.
const CASES: &[Case] = &[
    // ---- three accounts that agree
    pass(
        "accounts_agree",
        STORY,
        &[
            Boot,
            LOG_FIRMWARE,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_FAULT,
            FAULT,
            HV_FAULT,
            LOG_CALL,
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[
            (KIND, "pass"),
            ("/witness/npf", "1"),
            ("/hypervisor_end/hypercalls", "1"),
        ],
    ),
    pass(
        "log_is_complete_only_when_qemu_has_gone",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            FAULT,
            HV_FAULT,
            HV_HOST,
            HV_END,
            OK,
            OFF,
            LOG_FAULT,
            LOG_CALL,
            Exit(0),
        ],
        &[(KIND, "pass")],
    ),
    pass(
        "log_of_a_qemu_that_has_to_be_killed",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, FAULT, HV_FAULT, HV_HOST, HV_END, OK,
            LOG_FAULT, LOG_CALL, OFF, IgnoreTerm, Hang,
        ],
        &[(KIND, "pass")],
    ),
    pass(
        "log_with_lines_of_all_kinds",
        STORY,
        &[
            Boot,
            Log("\u{0}\u{1b}[2J"),
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_FAULT,
            Log("riscv_trap hart:0, async:1, cause:10, epc:0x0, tval:0x0, desc=vs_external"),
            Log("riscv_trap hart:0, async:0, cause:twenty"),
            Log("riscv_trap "),
            FAULT,
            HV_FAULT,
            Log(
                "4711@1700000000.000001:riscv_trap hart:0, async:0, cause:10, epc:0x0, tval:0x0, desc=vs_ecall",
            ),
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[(KIND, "pass"), ("/witness/hypercall", "1")],
    ),
    // ---- a hypervisor that lies, or errs
    case(
        "story_and_report_without_any_fault",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, FAULT, HV_FAULT, LOG_CALL, HV_HOST, HV_END,
            OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (BECAUSE, "npf: the scenario wants 1, QEMU logged 0"),
            (BECAUSE, "npf: the hypervisor counted 1, QEMU logged 0"),
            (
                BECAUSE,
                "npf: the console shows 0x22000000 (read), which is not among the 0",
            ),
            (
                BECAUSE,
                "look in witness.log for cause:20, cause:21, cause:23",
            ),
            ("/fault", "hypervisor"),
        ],
    ),
    case(
        "nothing_ran_at_all",
        STORY,
        &[
            Boot,
            Log(""),
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            FAULT,
            HV_FAULT,
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "hypercall: the hypervisor counted 1, QEMU logged 0",
            ),
        ],
    ),
    case(
        "fault_at_another_address",
        STORY_OF_ANY_FAULTS,
        &[
            Boot,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Log("riscv_trap hart:0, async:0, cause:21, epc:0x0, tval:0x22000008, desc=x"),
            HV_FAULT,
            LOG_CALL,
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "npf 1: the hypervisor says 0x22000000 (read), QEMU logged the virtual address 0x22000008 (read)",
            ),
        ],
    ),
    case(
        "fault_of_another_access",
        STORY_OF_ANY_FAULTS,
        &[
            Boot,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Log("riscv_trap hart:0, async:0, cause:23, epc:0x0, tval:0x22000000, desc=x"),
            HV_FAULT,
            LOG_CALL,
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[(KIND, "witness-disagrees"), (BECAUSE, "0x22000000 (write)")],
    ),
    case(
        "fault_that_is_kept_quiet",
        STORY_OF_ANY_FAULTS,
        &[
            Boot, HV_START, HV_LOAD, HV_ENTER, LOG_STORE, LOG_FAULT, HV_FAULT, LOG_CALL, HV_HOST,
            HV_END, OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (BECAUSE, "counted 1, QEMU logged 2"),
        ],
    ),
    case(
        "hypercalls_that_are_kept_quiet",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, LOG_FAULT, FAULT, HV_FAULT, LOG_CALL,
            LOG_CALL, HV_HOST, HV_END, OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "hypercall: the hypervisor counted 1, QEMU logged 2",
            ),
        ],
    ),
    case(
        "end_that_the_guest_did_not_ask_for",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, LOG_CALL, LOG_FAULT, FAULT, HV_FAULT,
            HV_HOST, HV_END, OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "a hypercall ended the guest, but the last exit that QEMU logged is npf",
            ),
        ],
    ),
    case(
        "no_log_at_all",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, FAULT, HV_FAULT, HV_HOST, HV_END, OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (BECAUSE, "npf: the scenario wants 1, QEMU logged 0"),
        ],
    ),
    // ---- what no later line of the log could mend
    case(
        "more_faults_than_are_allowed",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, LOG_FAULT, LOG_STORE, Hang,
        ],
        &[
            (KIND, "witness-disagrees"),
            (BECAUSE, "npf: the scenario wants 1, QEMU logged 2"),
            ("/witness/npf", "2"),
        ],
    ),
    case(
        "log_without_end",
        STORY_OF_ANY_FAULTS,
        &[
            Boot,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LogFlood(
                "riscv_trap hart:0, async:0, cause:10, epc:0x802000c0, tval:0x0, desc=hypervisor_ecall",
            ),
        ],
        &[
            (KIND, "exit-flood"),
            ("/text", "more than 256 MiB of traps"),
            ("/fault", "guest-or-hypervisor"),
        ],
    ),
    // A pipe holds 64 KiB; then QEMU waits for its reader, and answers nothing.
    pass(
        "logs_much_before_it_answers",
        STORY,
        &[
            Greet(10),
            Obey("qmp_capabilities"),
            Await("cont"),
            Logs(
                10_000,
                "riscv_trap hart:0, async:1, cause:5, epc:0x0, tval:0x0, desc=s_timer",
            ),
            Qmp("{\"return\": {}}\n"),
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_FAULT,
            FAULT,
            HV_FAULT,
            LOG_CALL,
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[(KIND, "pass")],
    ),
    Case {
        timeout: SHORT,
        exit: 3,
        ..case(
            "logs_much_while_its_registers_are_asked_for",
            STORY,
            &[
                Boot,
                Await("stop"),
                Logs(
                    10_000,
                    "riscv_trap hart:0, async:1, cause:5, epc:0x0, tval:0x0, desc=s_timer",
                ),
                Qmp("{\"return\": {}}\n"),
                Answer(
                    "info registers -a",
                    "\r\nCPU#0\r\n V      =   1\r\n pc       ffffffc080200abc\r\n",
                ),
                Hang,
            ],
            &[
                (KIND, "timeout"),
                ("/stopped_at/0/pc", "0xffffffc080200abc"),
            ],
        )
    },
    // It ends by itself once it is rid of what it has to log.
    pass(
        "logs_much_while_it_is_being_ended",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            FAULT,
            HV_FAULT,
            HV_HOST,
            HV_END,
            OK,
            OFF,
            Logs(
                10_000,
                "riscv_trap hart:0, async:1, cause:5, epc:0x0, tval:0x0, desc=s_timer",
            ),
            LOG_FAULT,
            LOG_CALL,
        ],
        &[(KIND, "pass")],
    ),
    // ---- forged lines
    pass(
        "forged_lines_change_nothing",
        STORY,
        &[
            Boot,
            HELLO,
            FORGED_END,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            FORGED_FAULT,
            LOG_FAULT,
            FAULT,
            HV_FAULT,
            LOG_CALL,
            FORGED_END,
            Say("@hv \n@hv 4 end\n"),
            HV_HOST,
            HV_END,
            OK,
            FORGED_END,
            OFF,
        ],
        &[
            (KIND, "pass"),
            ("/forged/count", "6"),
            ("/notes", "were forged"),
        ],
    ),
    case(
        "report_that_is_all_forged",
        STORY,
        &[
            Boot,
            HELLO,
            LOG_FAULT,
            FAULT,
            FORGED_FAULT,
            LOG_CALL,
            FORGED_END,
            OK,
            OFF,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "the end of 0 guests instead of 1 (in 0 event lines)",
            ),
            ("/forged/count", "2"),
        ],
    ),
    case(
        "forged_end_of_a_killed_guest",
        STORY_OF_ANY_FAULTS,
        &[
            Boot,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            FORGED_END,
            OK,
            LOG_STORE,
            HV_HOST_OF_A_KILL,
            HV_KILL,
            FORGED_END,
            OFF,
        ],
        &[
            (KIND, "wrong-end"),
            ("/verdict/expected", "outcome=shutdown"),
            ("/verdict/said", "outcome=killed"),
        ],
    ),
    case(
        "forged_end_does_not_heal_a_gap",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_FAULT,
            FAULT,
            FORGED_FAULT,
            LOG_CALL,
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[(KIND, "broken-report"), (BECAUSE, "event 3 was due, not 4")],
    ),
    // ---- a report with the right nonce that is not right
    case(
        "report_that_repeats_itself",
        STORY,
        &[Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, HV_ENTER, Hang],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "event 3 was due, not 2"),
            ("/fault", "hypervisor"),
        ],
    ),
    case(
        "report_that_goes_on_after_its_end",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            FAULT,
            HV_FAULT,
            HV_HOST,
            HV_END,
            Hv("6 exit kind=npf gpa=0x22001000 access=read"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "no place for `exit` here"),
        ],
    ),
    case(
        "report_that_does_not_add_up",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            FAULT,
            HV_FAULT,
            HV_HOST,
            Hv("5 end outcome=shutdown exits=3 npf=2 hypercalls=1"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "1 page faults were reported, but 2 counted"),
        ],
    ),
    case(
        "report_without_an_end",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, LOG_FAULT, FAULT, HV_FAULT, LOG_CALL, OK, OFF,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "the end of 0 guests instead of 1 (in 4 event lines)",
            ),
        ],
    ),
    case(
        "report_of_another_mode",
        STORY,
        &[
            Boot,
            HELLO,
            Hv("0 start arch=riscv64 mode=u"),
            HV_LOAD,
            HV_ENTER,
            LOG_FAULT,
            FAULT,
            HV_FAULT,
            LOG_CALL,
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "`arch=riscv64 mode=u` instead of `arch=riscv64 mode=vs`",
            ),
        ],
    ),
    // ---- guests that are to be ended
    pass(
        "killed_as_expected",
        STORY_OF_A_KILL,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_STORE,
            ERROR,
            HV_HOST_OF_A_KILL,
            HV_KILL,
            OFF,
        ],
        &[(KIND, "pass"), ("/hypervisor_end/said/why", "undeclared")],
    ),
    pass(
        // The guest takes the step's line away; what counts is the report.
        "killed_after_saying_so_itself",
        STORY_OF_A_KILL,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Say("Hypervisor error: says the guest\n"),
            LOG_STORE,
            ERROR,
            HV_HOST_OF_A_KILL,
            HV_KILL,
            OFF,
        ],
        &[(KIND, "pass")],
    ),
    case(
        "killed_elsewhere",
        STORY_OF_A_KILL,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_STORE,
            ERROR,
            HV_HOST_OF_A_KILL,
            Hv(
                "4 end outcome=killed kind=npf gpa=0x23001000 access=write why=undeclared exits=1 npf=1 hypercalls=0",
            ),
            OFF,
        ],
        &[
            (KIND, "wrong-end"),
            ("/verdict/expected", "gpa=0x23000000"),
            ("/verdict/said", "gpa=0x23001000"),
        ],
    ),
    case(
        "killed_only_in_words",
        STORY_OF_A_KILL,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_STORE,
            ERROR,
            LOG_CALL,
            HV_HOST_OF_A_KILL,
            Hv("4 end outcome=shutdown exits=1 npf=0 hypercalls=1"),
            OK,
            OFF,
        ],
        &[(KIND, "wrong-end"), ("/verdict/said", "outcome=shutdown")],
    ),
    case(
        "killed_for_nothing",
        STORY_OF_A_KILL,
        &[
            Boot,
            Log(""),
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            ERROR,
            HV_HOST_OF_A_KILL,
            HV_KILL,
            OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (BECAUSE, "npf: the hypervisor counted 1, QEMU logged 0"),
        ],
    ),
    // ---- what is due and missing
    case(
        "report_without_the_state_of_the_host",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_FAULT,
            FAULT,
            HV_FAULT,
            LOG_CALL,
            Hv("4 end outcome=shutdown exits=2 npf=1 hypercalls=1"),
            OK,
            OFF,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "the guest was entered, and there is no `host` between its `enter` and its `end`",
            ),
        ],
    ),
    case(
        "report_of_a_guest_that_was_never_loaded",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            Hv("1 enter pc=0x80200000"),
            Hv("2 host canary=intact pages=0 most=1"),
            Hv("3 end outcome=killed kind=idle exits=0 npf=0 hypercalls=0"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "there is no `load` before its `enter`"),
        ],
    ),
    // ---- what the harness knows, and is told otherwise
    pass(
        "facts_that_are_true",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LINES,
            LOG_FAULT,
            HV_FAULT,
            LOG_CALL,
            LOG_CALL,
            LOG_CALL,
            LOG_CALL,
            HV_HOST,
            HV_END_OF_FACTS,
            OK,
            OFF,
        ],
        &[(KIND, "pass"), ("/witness/places/0/exits", "5")],
    ),
    case(
        "console_that_tells_of_another_size",
        STORY_OF_FACTS,
        &[Boot, Say("Loaded 1 bytes from /sbin/guest\n"), Hang],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "1 bytes were loaded from /sbin/guest, which has 8"),
            ("/fault", "hypervisor"),
        ],
    ),
    case(
        "report_of_another_size",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            Hv("1 load path=/sbin/guest bytes=1 gpa=0x80200000"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "bytes=1, but the file's size is 8"),
        ],
    ),
    case(
        "report_of_another_file",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            Hv("1 load path=/sbin/other bytes=8 gpa=0x80200000"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "path=/sbin/other, and /sbin/guest was due"),
        ],
    ),
    case(
        "report_of_another_place",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            Hv("1 load path=/sbin/guest bytes=8 gpa=0xdead"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "gpa=0xdead, but the guest is declared at 0x80200000",
            ),
        ],
    ),
    case(
        "report_of_another_entry",
        STORY_OF_FACTS,
        &[Boot, LOADED, HV_START, HV_LOAD, Hv("2 enter pc=0x0"), Hang],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "pc=0x0, but the guest begins at 0x80200000"),
        ],
    ),
    case(
        "fault_that_nothing_was_done_about",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Hv("3 exit kind=npf gpa=0x22000000 access=read action=ignored window=pflash"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "`ignored` is no action by which a fault is resolved",
            ),
        ],
    ),
    case(
        "fault_in_a_window_that_is_not_declared",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Hv("3 exit kind=npf gpa=0x22000000 access=read action=map window=nothing"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "window=nothing, and the scenario declares pflash"),
        ],
    ),
    case(
        "fault_outside_of_its_window",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Hv("3 exit kind=npf gpa=0x24000000 access=read action=map window=pflash"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "declares at 0x22000000 to 0x24000000"),
        ],
    ),
    // ---- whose trap it was
    case(
        "fault_that_the_hypervisor_made_itself",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Log(
                "riscv_trap hart:0, async:0, cause:21, epc:0xffffffc080200010, tval:0x22000000, desc=x",
            ),
            FAULT,
            HV_FAULT,
            LOG_CALL,
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "npf: QEMU logged an exit at pc 0xffffffc080200010: that is the hypervisor's own code",
            ),
            ("/fault", "hypervisor"),
        ],
    ),
    case(
        "call_from_where_the_guest_has_no_code",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            Log("riscv_trap hart:0, async:0, cause:10, epc:0x90000000, tval:0x0, desc=x"),
            Hang,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "hypercall: QEMU logged an exit at pc 0x90000000: that is no code of the guest's",
            ),
        ],
    ),
    // ---- lines of the guest's that it has not printed
    case(
        "story_that_the_hypervisor_told",
        STORY_OF_FACTS,
        &[
            Boot, LOADED, HV_START, HV_LOAD, HV_ENTER, LINES, LOG_FAULT, HV_FAULT, LOG_CALL,
            HV_HOST, HV_END, OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "the guest's 3 lines and 1 shutdowns take 4 calls at least, QEMU logged 1",
            ),
        ],
    ),
    // ---- behind the end
    case(
        "failure_behind_the_last_line",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            LINES,
            OK,
            OFF,
            Say("fatal: assertion failed\n"),
        ],
        &[
            (KIND, "forbidden-output"),
            ("/verdict/line", "fatal: assertion failed"),
        ],
    ),
    case(
        "failure_in_half_a_line_behind_the_last_one",
        STORY_OF_FACTS,
        &[Boot, LOADED, LINES, OK, Say("fatal: assert"), OFF],
        &[
            (KIND, "forbidden-output"),
            ("/verdict/line", "fatal: assert"),
        ],
    ),
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
