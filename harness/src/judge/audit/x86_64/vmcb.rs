//! The control area of the VMCB (APM vol. 2, appendix B, table B-1).

use std::collections::BTreeMap;

/// Its bytes, the state-save area included.
pub const SIZE: usize = 4096;

/// A field: its offset, its size in bytes, and its name.
#[derive(Debug, Clone, Copy)]
pub struct Field(usize, usize, &'static str);

/// The fields and bits that confine.
pub mod v {
    use super::Field;

    pub const INTERCEPT1: Field = Field(0x00c, 4, "intercept1");
    pub const INTERCEPT2: Field = Field(0x010, 4, "intercept2");
    pub const ASID: Field = Field(0x058, 4, "asid");
    pub const IOPM_BASE: Field = Field(0x040, 8, "iopm_base");
    pub const MSRPM_BASE: Field = Field(0x048, 8, "msrpm_base");
    pub const NESTED_PAGING: Field = Field(0x090, 8, "nested_paging");
    pub const N_CR3: Field = Field(0x0b0, 8, "n_cr3");

    /// All of them.
    pub const ALL: [Field; 14] = [
        Field(0x000, 4, "intercept_cr"),
        Field(0x004, 4, "intercept_dr"),
        Field(0x008, 4, "intercept_exceptions"),
        INTERCEPT1,
        INTERCEPT2,
        Field(0x014, 4, "intercept3"),
        IOPM_BASE,
        MSRPM_BASE,
        ASID,
        Field(0x05c, 1, "tlb_control"),
        Field(0x060, 8, "virtual_interrupts"),
        NESTED_PAGING,
        N_CR3,
        Field(0x0b8, 8, "virtualization"),
    ];

    /// `intercept1`: IN and OUT exit as the I/O permissions map says.
    pub const IOIO_PROT: u64 = 1 << 27;
    /// `intercept1`: RDMSR and WRMSR exit as the MSR permissions map says.
    pub const MSR_PROT: u64 = 1 << 28;
    /// `intercept2`.
    pub const VMRUN: u64 = 1 << 0;
    /// `nested_paging`.
    pub const NP_ENABLE: u64 = 1 << 0;
    /// `nested_paging`.
    pub const SEV: u64 = 1 << 1;
}

/// A VMCB as it was read.
pub struct Vmcb(pub Vec<u8>);

impl Vmcb {
    /// The value of a field.
    pub fn get(&self, Field(offset, size, _): Field) -> u64 {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&self.0[offset..offset + size]);
        u64::from_le_bytes(bytes)
    }

    /// Whether no guest can be entered with it (APM vol. 2, 15.5.1 "Canonicalization and Consistency Checks").
    pub fn is_refused(&self) -> bool {
        self.get(v::ASID) == 0 || self.get(v::INTERCEPT2) & v::VMRUN == 0
    }

    /// The values of all fields that confine, by name.
    pub fn registers(&self) -> BTreeMap<String, u64> {
        v::ALL
            .map(|field| (field.2.to_owned(), self.get(field)))
            .into()
    }
}
