//! A guest's local APIC, which it reaches by the MSRs of x2APIC (APM vol. 2 §16.11; Intel SDM vol. 3
//! §11.12), or by a [`page`] of memory: the registers, the order of priorities, and the timer.
//!
//! It is a model: it touches no register of the CPU's. The vCPU polls it before each turn, offers what it
//! [wants](LocalApic::wanted) to the CPU as a virtual interrupt, and says whether the CPU [took](LocalApic::take) it.
//! There is one processor, and no line leads to the APIC: so there are the timer, the interrupts that the guest sends
//! itself, and what the I/O APIC says, of which alone some are of lines at the level. A register that is not here
//! is none that the guest has.

pub mod page;
mod timer;
mod vectors;

use core::ops::RangeInclusive;

use timer::Timer;
pub use timer::Tsc;
use vectors::Vectors;

use super::cpuid::ShownApic;
use crate::devices::ioapic::Message;

/// The base of the local APIC, and its state (§16.3.1): on, in x2APIC mode, of the boot processor.
const APIC_BASE: u32 = 0x1B;
/// A guest starts in the mode that it is given, and stays there.
const X2APIC_ENABLED: u64 = 0xFEE0_0000 | 1 << 11 | 1 << 10 | 1 << 8;
/// The same with registers in memory, from that base on.
const XAPIC_ENABLED: u64 = 0xFEE0_0000 | 1 << 11 | 1 << 8;

/// The numbers of the MSRs of x2APIC.
const X2APIC_MSRS: RangeInclusive<u32> = page::FIRST..=0x8FF;

/// The time stamp at which the timer's interrupt comes, in that mode of the timer's (§16.4.1; SDM vol. 3
/// §11.5.4.1).
const TSC_DEADLINE: u32 = 0x6E0;

const ID: u32 = 0x802;
const VERSION: u32 = 0x803;
const TPR: u32 = 0x808;
const PPR: u32 = 0x80A;
const EOI: u32 = 0x80B;
const SVR: u32 = 0x80F;
const ISR: u32 = 0x810;
const TMR: u32 = 0x818;
const IRR: u32 = 0x820;
const ESR: u32 = 0x828;
const LVT_TIMER: u32 = 0x832;
const TMICT: u32 = 0x838;
const TMCCT: u32 = 0x839;
const TDCR: u32 = 0x83E;
const SELF_IPI: u32 = 0x83F;

/// VERSION: an integrated APIC, whose table of local vectors has one entry.
const VERSION_10: u64 = 0x10;

/// SVR: interrupts are accepted.
const ENABLED: u32 = 1 << 8;
/// SVR: the vector of spurious interrupts, and the bit above ENABLED, which changes nothing here.
const SVR_BITS: u64 = 0x3FF;

/// LVT_TIMER: no interrupt comes of it.
const MASKED: u32 = 1 << 16;
/// LVT_TIMER: the modes; with neither, one interrupt comes.
const PERIODIC: u32 = 1 << 17;
const DEADLINE: u32 = 1 << 18;
/// LVT_TIMER: vector, delivery status (which is read only), mask, mode.
const LVT_BITS: u64 = 0x7_10FF;
const DELIVERY_STATUS: u64 = 1 << 12;

/// ESR: an interrupt with a vector below 16 was sent, or was received.
const SENT_ILLEGAL: u8 = 1 << 5;
const RECEIVED_ILLEGAL: u8 = 1 << 6;
/// And, with registers in memory: there was an access to one that there is not.
const ILLEGAL_REGISTER: u8 = 1 << 7;
/// The first vector that an interrupt can have.
const FIRST_VECTOR: u8 = 16;

/// When something happens.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Nanoseconds on the host's monotonic clock.
    pub ns: u64,
    /// The time-stamp counter, as the guest reads it.
    pub tsc: u64,
}

/// What ends a wait of the guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// An interrupt that is pending already.
    Now,
    /// The timer's, at this time on the host's monotonic clock in nanoseconds.
    At(u64),
    /// Nothing.
    Never,
}

/// How a guest reaches its local APIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By registers in memory.
    XApic,
    /// By MSRs.
    X2Apic,
}

/// A local APIC.
#[derive(Clone, Debug)]
pub struct LocalApic {
    mode: Mode,
    tpr: u8,
    svr: u32,
    /// The vectors that are being served, and those that wait.
    in_service: Vectors,
    requested: Vectors,
    /// Those of lines at the level (TMR), and one of them whose end nobody has been told.
    level: Vectors,
    ended: Option<u8>,
    /// ESR as it is read, and what has come up since it was last written.
    esr: u8,
    errors: u8,
    lvt_timer: u32,
    timer: Timer,
}

impl LocalApic {
    /// As after a reset, but in this mode. `tsc` leads from the guest's time stamps to the host's clock.
    pub fn new(mode: Mode, tsc: Tsc) -> Self {
        Self {
            mode,
            tpr: 0,
            svr: 0xFF,
            in_service: Vectors::default(),
            requested: Vectors::default(),
            level: Vectors::default(),
            ended: None,
            esr: 0,
            errors: 0,
            lvt_timer: MASKED,
            timer: Timer::new(tsc),
        }
    }

    /// What CPUID tells of it.
    pub fn shown(&self) -> ShownApic {
        ShownApic {
            is_x2apic: self.mode == Mode::X2Apic,
            tsc_khz: self.timer.tsc().khz,
            timer_khz: timer::KHZ,
        }
    }

    /// What IA32_APIC_BASE is.
    fn base(&self) -> u64 {
        match self.mode {
            Mode::XApic => XAPIC_ENABLED,
            Mode::X2Apic => X2APIC_ENABLED,
        }
    }

    /// Whether it has an MSR with this number, be it one that there is or not.
    fn has_msr(&self, msr: u32) -> bool {
        self.mode == Mode::X2Apic || !X2APIC_MSRS.contains(&msr)
    }

    /// What RDMSR gives; `None` is #GP(0).
    pub fn read(&mut self, msr: u32, now: Now) -> Option<u64> {
        if !self.has_msr(msr) {
            return None;
        }
        self.register(msr, now)
    }

    /// What a register holds, by the number of its MSR; none if it is not there to be read.
    fn register(&mut self, msr: u32, now: Now) -> Option<u64> {
        self.poll(now.ns);
        let value = match msr {
            APIC_BASE => return Some(self.base()),
            TSC_DEADLINE => return Some(self.timer.deadline_tsc()),
            ID => 0,
            VERSION => return Some(VERSION_10),
            TPR => self.tpr.into(),
            PPR => self.ppr().into(),
            SVR => self.svr,
            ISR..TMR => self.in_service.word(msr - ISR),
            TMR..IRR => self.level.word(msr - TMR),
            IRR..ESR => self.requested.word(msr - IRR),
            ESR => self.esr.into(),
            LVT_TIMER => self.lvt_timer,
            TMICT => self.timer.initial(),
            TMCCT => self.timer.current(now.ns),
            TDCR => self.timer.divide().into(),
            _ => return None,
        };
        Some(value.into())
    }

    /// Does what WRMSR does; false is #GP(0), and nothing has changed then.
    pub fn write(&mut self, msr: u32, value: u64, now: Now) -> bool {
        self.has_msr(msr) && self.set_register(msr, value, now)
    }

    /// Writes a register, by the number of its MSR; false if it is not there to be written, or not with this value.
    fn set_register(&mut self, msr: u32, value: u64, now: Now) -> bool {
        self.poll(now.ns);
        let word = value as u32;
        match msr {
            APIC_BASE => return value == self.base(),
            TSC_DEADLINE => {
                if self.is_in(DEADLINE) {
                    self.timer.set_deadline(value, now);
                }
            }
            TPR if value <= 0xFF => self.tpr = value as u8,
            EOI if value == 0 => {
                if let Some(vector) = self.in_service.highest() {
                    self.in_service.remove(vector);
                    self.ended = Some(vector).filter(|vector| self.level.contains(*vector));
                }
            }
            SVR if value & !SVR_BITS == 0 => {
                self.svr = word;
                self.mask_if_disabled();
            }
            ESR if value == 0 => self.esr = core::mem::take(&mut self.errors),
            LVT_TIMER
                if value & !LVT_BITS == 0
                    && word & (PERIODIC | DEADLINE) != PERIODIC | DEADLINE =>
            {
                self.set_lvt_timer(word & !(DELIVERY_STATUS as u32));
            }
            TMICT if value <= u32::MAX.into() => {
                if !self.is_in(DEADLINE) {
                    self.timer.start(word, now.ns);
                }
            }
            TDCR if value & !0b1011 == 0 => self.timer.set_divide(word as u8, now.ns),
            SELF_IPI if value <= 0xFF => {
                self.send(value as u8);
            }
            _ => return false,
        }
        // A deadline that has passed is due at once.
        self.poll(now.ns);
        true
    }

    /// Sets the upper half of TPR, which is CR8 too, as the guest last left it there.
    pub fn set_priority_class(&mut self, class: u8) {
        if class != self.priority_class() {
            self.tpr = class << 4;
        }
    }

    /// The upper half of TPR.
    pub fn priority_class(&self) -> u8 {
        self.tpr >> 4
    }

    /// Looks at the timer.
    pub fn poll(&mut self, now_ns: u64) {
        let came = self.timer.came(now_ns, self.is_in(PERIODIC));
        if came && self.lvt_timer & MASKED == 0 {
            self.request(self.timer_vector(), false);
        }
    }

    /// Whether it accepts interrupts.
    pub fn is_enabled(&self) -> bool {
        self.svr & ENABLED != 0
    }

    /// The I/O APIC has an interrupt for it.
    pub fn receive(&mut self, message: Message) {
        self.request(message.vector, message.level);
    }

    /// The interrupt of a line at the level that is over since this was last asked. Ask before each turn: the guest can
    /// end one a turn.
    pub fn ended(&mut self) -> Option<u8> {
        self.ended.take()
    }

    /// Whether an interrupt with this vector would be taken now, with interrupts on.
    pub fn takes(&self, vector: u8) -> bool {
        class(vector) > class(self.ppr())
    }

    /// The vector that waits to be taken, unless one is being served that comes before it. The CPU looks
    /// at TPR, at RFLAGS.IF and at the interrupt shadow.
    pub fn wanted(&self) -> Option<u8> {
        let served = self.in_service.highest().map_or(0, class);
        self.requested
            .highest()
            .filter(|vector| class(*vector) > served)
    }

    /// The CPU took this vector, which was wanted.
    pub fn take(&mut self, vector: u8) {
        self.requested.remove(vector);
        self.in_service.insert(vector);
    }

    /// When the timer's interrupt will come, in nanoseconds on the host's monotonic clock, as far as
    /// [`poll`](Self::poll) was told the time; none if none will.
    pub fn deadline(&self) -> Option<u64> {
        self.timer
            .ends_ns()
            .filter(|_| self.lvt_timer & MASKED == 0)
    }

    /// What ends a HLT. It is ended by an interrupt that is taken, and by nothing else.
    pub fn wake(&mut self, interrupts_are_on: bool, now_ns: u64) -> Wake {
        self.poll(now_ns);
        if !interrupts_are_on {
            Wake::Never
        } else if self.wanted().is_some_and(|vector| self.takes(vector)) {
            Wake::Now
        } else {
            let deadline = self.deadline().filter(|_| self.takes(self.timer_vector()));
            deadline.map_or(Wake::Never, Wake::At)
        }
    }

    /// The priority below and at which nothing interrupts (§16.6.4).
    fn ppr(&self) -> u8 {
        let served = self.in_service.highest().unwrap_or(0);
        if class(self.tpr) >= class(served) {
            self.tpr
        } else {
            served & 0xF0
        }
    }

    /// The processor sends itself an interrupt.
    fn send(&mut self, vector: u8) {
        if vector < FIRST_VECTOR {
            self.errors |= SENT_ILLEGAL;
        }
        self.request(vector, false);
    }

    /// There was an access in memory to a register that there is not.
    fn note_illegal_register(&mut self) {
        self.errors |= ILLEGAL_REGISTER;
    }

    fn request(&mut self, vector: u8, level: bool) {
        if vector < FIRST_VECTOR {
            self.errors |= RECEIVED_ILLEGAL;
        } else if self.is_enabled() {
            self.requested.insert(vector);
            if level {
                self.level.insert(vector);
            } else {
                self.level.remove(vector);
            }
        }
    }

    fn set_lvt_timer(&mut self, value: u32) {
        if (value ^ self.lvt_timer) & DEADLINE != 0 {
            self.timer.stop();
        }
        self.lvt_timer = value;
        self.mask_if_disabled();
    }

    /// While no interrupts are accepted, all local vectors are masked.
    fn mask_if_disabled(&mut self) {
        if !self.is_enabled() {
            self.lvt_timer |= MASKED;
        }
    }

    /// Whether the timer is in this mode.
    fn is_in(&self, mode: u32) -> bool {
        self.lvt_timer & mode != 0
    }

    fn timer_vector(&self) -> u8 {
        self.lvt_timer as u8
    }
}

/// The class of a priority, or of a vector.
const fn class(priority: u8) -> u8 {
    priority >> 4
}

#[cfg(test)]
mod tests;
