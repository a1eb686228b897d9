//! Addresses, with a type for each address space, so that they cannot be confused.
//!
//! These types are our own rather than `memory_addr`'s, which hold a `usize` and provide `Deref`,
//! `From` and a `+` that wraps silently. A guest's addresses are 64 bits wide on every machine, also in
//! tests on the host, and no sum of them may wrap. There is no conversion between the spaces: only
//! tables translate.
//!
//! This module imports nothing.

use core::fmt;

/// The size of a page on every architecture here, in bytes.
pub const PAGE: u64 = 4096;

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The address `address`, in bytes.
            pub const fn new(address: u64) -> Self {
                Self(address)
            }

            /// The number, for a register or an entry of a table.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The address `bytes` further on; `None` beyond 64 bits.
            pub const fn checked_add(self, bytes: u64) -> Option<Self> {
                match self.0.checked_add(bytes) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// The bytes from `start` to here; `None` if `start` comes after this address.
            pub const fn offset_from(self, start: Self) -> Option<u64> {
                self.0.checked_sub(start.0)
            }

            /// The first address of the page.
            pub const fn page(self) -> Self {
                Self(self.0 - self.offset_in_page())
            }

            /// The offset in the page.
            pub const fn offset_in_page(self) -> u64 {
                self.0 % PAGE
            }

            /// Whether a page starts here.
            pub const fn is_page_aligned(self) -> bool {
                self.is_aligned_to(PAGE)
            }

            /// Whether the address is a multiple of `bytes`.
            pub const fn is_aligned_to(self, bytes: u64) -> bool {
                self.0.is_multiple_of(bytes)
            }
        }

        /// As `0x…`, in lower case.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl fmt::LowerHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }

        impl fmt::UpperHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::UpperHex::fmt(&self.0, f)
            }
        }
    };
}

address! {
    /// A guest-physical address: the input of the second stage. Arm calls it an intermediate physical
    /// address; the guest takes it for a physical one.
    Gpa
}
address! {
    /// A host-physical address: the output of the second stage, and the address of tables and control
    /// blocks.
    Hpa
}
address! {
    /// A guest-virtual address: the input of the guest's own tables, if it uses them.
    Gva
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_would_wrap_is_none() {
        let last = Gpa::new(u64::MAX);
        assert_eq!(last.checked_add(0), Some(last));
        assert_eq!(last.checked_add(1), None);
        assert_eq!(Gpa::new(0x1000).checked_add(0x234), Some(Gpa::new(0x1234)));
    }

    #[test]
    fn an_offset_is_none_in_front_of_its_start() {
        let start = Hpa::new(0x2000);
        assert_eq!(Hpa::new(0x2004).offset_from(start), Some(4));
        assert_eq!(start.offset_from(start), Some(0));
        assert_eq!(Hpa::new(0x1FFF).offset_from(start), None);
    }

    #[test]
    fn an_address_is_a_page_and_an_offset() {
        let address = Gva::new(0xFFFF_FFFF_FFFF_FFFF);
        assert_eq!(address.page(), Gva::new(0xFFFF_FFFF_FFFF_F000));
        assert_eq!(address.offset_in_page(), 0xFFF);
        assert!(!address.is_page_aligned() && address.page().is_page_aligned());
        assert!(address.page().is_aligned_to(2) && !address.page().is_aligned_to(2 * PAGE));
    }

    #[test]
    fn it_is_shown_as_its_number_is() {
        let gpa = Gpa::new(0x2200_0ABC);
        assert_eq!(format!("{gpa} {gpa:#x}"), "0x22000abc 0x22000abc");
        assert_eq!(format!("{gpa:#010X} {gpa:x}"), "0x22000ABC 22000abc");
        assert_eq!(format!("{:#010X}", Gpa::new(0)), "0x00000000");
        assert_eq!(format!("{gpa:?}"), "Gpa(0x22000abc)");
    }
}
