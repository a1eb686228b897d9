//! What is possible for a guest and was not declared, in words for whoever reads the verdict.

use super::{Access, Difference, Mapping, OpenMsrs, Span};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whose a part of the machine's memory is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "owner", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Owner {
    /// The hypervisor's image: its text, data and stacks.
    Image,
    /// The tables of the second stage; on x86_64 the VMCB and its permission maps too.
    Tables,
    /// The machine's RAM, of which nothing else is known.
    Ram {
        /// QEMU's name for it.
        name: String,
    },
    /// A ROM or a flash.
    Rom {
        /// QEMU's name for it.
        name: String,
    },
    /// A device.
    Device {
        /// QEMU's name for it.
        name: String,
    },
    /// The machine has nothing there.
    Nothing,
    /// The machine's memory map is not known.
    Unknown,
    /// There are more owners than are named.
    More,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image => f.write_str("the hypervisor's image"),
            Self::Tables => f.write_str("the tables that confine the guest"),
            Self::Ram { name } => write!(f, "the host's RAM `{name}`"),
            Self::Rom { name } => write!(f, "the host's ROM `{name}`"),
            Self::Device { name } => write!(f, "the host's device `{name}`"),
            Self::Nothing => f.write_str("nothing that the machine has"),
            Self::Unknown => f.write_str("an unknown owner's"),
            Self::More => f.write_str("more"),
        }
    }
}

/// A mapping, or a part of one, and whose memory it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The part.
    #[serde(flatten)]
    pub mapping: Mapping,
    /// Whose it is; never empty.
    pub owners: Vec<Owner>,
}

impl Reach {
    /// The owners in words.
    pub fn whose(&self) -> String {
        list(&self.owners)
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (guest, host) = (self.mapping.guest(), self.mapping.host());
        let (owners, access) = (self.whose(), self.mapping.access);
        write!(f, "GPA {guest} -> HPA {host} ({owners}), {access}")
    }
}

/// `a`, `a and b`, `a, b and c`
fn list(items: &[impl fmt::Display]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// Something that breaks the guest's isolation, or could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "breach", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Breach {
    /// A part of the machine could not be read.
    Gap {
        /// Why, in words.
        why: String,
    },
    /// Nothing stands between the guest's addresses and the machine's.
    NoSecondStage,
    /// A mapping that is in no declared window.
    Undeclared {
        /// What is mapped.
        #[serde(flatten)]
        reach: Reach,
    },
    /// A mapping in a window of memory at a declared place, which leads elsewhere.
    Elsewhere {
        /// What is mapped.
        #[serde(flatten)]
        reach: Reach,
        /// The window's name.
        window: String,
        /// Where it was to lead.
        declared: u64,
    },
    /// A mapping that allows more than its window.
    TooMuch {
        /// What is mapped.
        #[serde(flatten)]
        reach: Reach,
        /// The window's name.
        window: String,
        /// What was declared.
        declared: Access,
    },
    /// A mapping in a window of private memory, which leads to what is not RAM.
    NotRam {
        /// What is mapped.
        #[serde(flatten)]
        reach: Reach,
        /// The window's name.
        window: String,
    },
    /// A mapping to the hypervisor's image or to what confines the guest.
    Exposed {
        /// What is mapped.
        #[serde(flatten)]
        reach: Reach,
    },
    /// A page of a private window that the guest reaches in another place too.
    Twice {
        /// What is mapped.
        #[serde(flatten)]
        reach: Reach,
        /// The window's name.
        window: String,
        /// The other guest-physical address.
        other: u64,
    },
    /// A register that has not the declared value.
    Value {
        /// Its name.
        register: String,
        /// Its value.
        found: u64,
        /// The value that was declared.
        declared: u64,
        /// The bits that differ, by name.
        differ: Vec<String>,
    },
    /// A bit of a register that is not as it is to be.
    Bit {
        /// The register's name.
        register: String,
        /// The bit's name.
        bit: String,
        /// Whether it is set.
        set: bool,
        /// Why it has to be the other way.
        why: String,
    },
    /// A register, or a bit of it, that is declared and not to be had.
    NoRegister {
        /// Its name, and after a point the bit's.
        register: String,
    },
    /// The guest has the host's address space identifier.
    HostAsid,
    /// VMRUN saves the host's state where nobody told it to.
    NoHostSaveArea,
    /// Ports that are open and not declared.
    Ports {
        /// The ports.
        #[serde(flatten)]
        span: Span,
    },
    /// Model-specific registers that are open and not declared.
    Msrs {
        /// The registers, and what of them is open.
        #[serde(flatten)]
        open: OpenMsrs,
    },
    /// A program whose text is not what was loaded.
    Text {
        /// The program.
        of: String,
        /// The first byte that differs.
        #[serde(flatten)]
        difference: Difference,
    },
    /// There are more breaches than are told.
    More {
        /// How many more.
        count: usize,
    },
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { why } => write!(f, "could not be audited: {why}"),
            Self::NoSecondStage => f.write_str(
                "no second stage: the guest's addresses are the machine's own, so all of its memory is the guest's",
            ),
            Self::Undeclared { reach } => write!(f, "{reach}, is in no declared window"),
            Self::Elsewhere {
                reach,
                window,
                declared,
            } => write!(
                f,
                "{reach}, is in window `{window}`, which is declared to lead to HPA {declared:#x}"
            ),
            Self::TooMuch {
                reach,
                window,
                declared,
            } => write!(
                f,
                "{reach}, is in window `{window}`, which is declared {declared}"
            ),
            Self::NotRam { reach, window } => write!(
                f,
                "{reach}, is in window `{window}`, which is declared to be RAM of the guest's own"
            ),
            Self::Exposed { reach } => {
                write!(f, "{reach}, lets the guest reach what is the hypervisor's")
            }
            Self::Twice {
                reach,
                window,
                other,
            } => write!(
                f,
                "{reach}, is in window `{window}`, and the same memory is mapped at GPA {other:#x} too"
            ),
            _ => self.of_registers(f),
        }
    }
}

impl Breach {
    /// What is mapped, if it is about a mapping.
    pub fn reach(&self) -> Option<&Reach> {
        match self {
            Self::Undeclared { reach }
            | Self::Elsewhere { reach, .. }
            | Self::TooMuch { reach, .. }
            | Self::NotRam { reach, .. }
            | Self::Exposed { reach }
            | Self::Twice { reach, .. } => Some(reach),
            _ => None,
        }
    }

    fn of_registers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value {
                register,
                found,
                declared,
                differ,
            } => write!(
                f,
                "{register} is {found:#x}, and is declared to be {declared:#x}: they differ in {}",
                list(differ)
            ),
            Self::Bit {
                register,
                bit,
                set,
                why,
            } => {
                let state = if *set { "set" } else { "clear" };
                write!(f, "{register}.{bit} is {state}: {why}")
            }
            Self::NoRegister { register } => {
                write!(f, "{register} is declared, and could not be read")
            }
            Self::HostAsid => f.write_str(
                "asid is 0: that is the host's, so the TLB does not tell the guest's addresses from the host's",
            ),
            Self::NoHostSaveArea => f.write_str(
                "vm_hsave_pa is 0: nobody set it, so VMRUN overwrites the machine's first page with the host's state",
            ),
            Self::Ports { span } => {
                write!(f, "I/O ports {span} are open to the guest, and not declared")
            }
            Self::Msrs { open } => write!(
                f,
                "MSRs {} are open to the guest ({}), and not declared",
                open.span, open.access
            ),
            Self::Text { of, difference } => write!(
                f,
                "the text of {of} is not what was loaded: at HPA {:#x} (linked to {:#x}) is {:#04x}, loaded was {:#04x}",
                difference.hpa, difference.address, difference.found, difference.loaded
            ),
            Self::More { count } => write!(f, "{count} more breaches are not told"),
            _ => Ok(()),
        }
    }
}
