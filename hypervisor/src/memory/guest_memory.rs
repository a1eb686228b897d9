//! The guest's memory: RAM and device windows, declared before it runs. This is the only thing
//! that maps, and it maps nothing but what was declared.

use alloc::{collections::BTreeSet, vec::Vec};
use core::ops::Range;

use crate::{
    error::Error,
    memory::addr::{Gpa, Hpa, PAGE},
    memory::pages::Region,
    vm::exit::{Access, Fault, Refusal},
};

/// The accesses that a window permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permits {
    /// Loads and stores, or loads only.
    pub write: bool,
    /// Instruction fetches.
    pub execute: bool,
}

impl Permits {
    /// Loads only: a flash device.
    pub const READ: Self = Self {
        write: false,
        execute: false,
    };
    /// Everything: RAM.
    pub const ALL: Self = Self {
        write: true,
        execute: true,
    };

    /// Whether `access` is among them.
    pub const fn allow(self, access: Access) -> bool {
        match access {
            Access::Read => true,
            Access::Write => self.write,
            Access::Execute => self.execute,
        }
    }
}

/// What kind of memory a mapping leads to; it decides on caching and ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ordinary memory.
    Normal,
    /// Registers of a device, or a flash chip.
    Device,
}

/// The second stage of translation: from guest-physical to host-physical addresses.
pub trait Translation {
    /// Maps `size` bytes at `gpa` to `hpa`. All three are multiples of [`PAGE`]; nothing in the
    /// range is mapped yet.
    fn map(
        &mut self,
        gpa: Gpa,
        hpa: Hpa,
        size: u64,
        permits: Permits,
        kind: Kind,
    ) -> Result<(), MapError>;

    /// Takes away the mappings of `size` bytes at `gpa`, all of which are there, whole blocks where
    /// they were mapped as blocks; the TLBs have forgotten them when this returns.
    fn unmap(&mut self, gpa: Gpa, size: u64) -> Result<(), MapError>;
}

/// Why a mapping could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// No memory for a table.
    OutOfMemory,
    /// The guest-physical address is beyond what the tables can express, or the host's beyond 64 bits.
    OutOfRange,
    /// An address or the size is not a multiple of the page size, or the range is mapped already.
    Misuse,
}

enum Backing {
    /// Memory of the guest's own, mapped when it is declared.
    Ram(Region),
    /// A device of the machine that starts here, mapped page by page on faults.
    Device { hpa: Hpa },
    /// A copy of an image, made page by page on faults.
    Image { bytes: Vec<u8>, copies: Vec<Region> },
}

struct Window {
    name: &'static str,
    gpas: Range<Gpa>,
    permits: Permits,
    backing: Backing,
}

/// A guest's memory map over the tables `T` that make it real.
pub struct GuestMemory<T> {
    windows: Vec<Window>,
    /// Pages of device and image windows that are mapped.
    mapped: BTreeSet<Gpa>,
    tables: T,
}

impl<T: Translation> GuestMemory<T> {
    /// An empty map.
    pub fn new(tables: T) -> Self {
        Self {
            windows: Vec::new(),
            mapped: BTreeSet::new(),
            tables,
        }
    }

    /// The tables, for the architecture to point the CPU at.
    pub fn tables(&self) -> &T {
        &self.tables
    }

    /// Declares `size` bytes of RAM at `gpa` and maps them, zeroed.
    pub fn add_ram(&mut self, name: &'static str, gpa: Gpa, size: u64) -> Result<(), Error> {
        // Aligned to a block of the tables where it is large enough to be mapped by blocks.
        const BLOCK: u64 = 2 << 20;
        let align = if size >= BLOCK { BLOCK } else { PAGE };
        let gpas = self.free_range(gpa, size)?;
        let pages = usize::try_from(size / PAGE).map_err(|_| Error::Layout("RAM too large"))?;
        let ram = Region::new(pages, align).ok_or(Error::OutOfMemory {
            purpose: "guest RAM",
        })?;
        self.tables
            .map(gpa, ram.hpa(), size, Permits::ALL, Kind::Normal)?;
        self.declare(name, gpas, Permits::ALL, Backing::Ram(ram));
        Ok(())
    }

    /// Declares a window of `size` bytes at `gpa` onto the device at `hpa`.
    pub fn add_device(
        &mut self,
        name: &'static str,
        gpa: Gpa,
        size: u64,
        hpa: Hpa,
        permits: Permits,
    ) -> Result<(), Error> {
        let gpas = self.free_range(gpa, size)?;
        if !hpa.is_page_aligned() || hpa.checked_add(size).is_none() {
            return Err(Error::Layout("a device's host address is out of range"));
        }
        self.declare(name, gpas, permits, Backing::Device { hpa });
        Ok(())
    }

    /// Declares a read-only window at `gpa` that shows `bytes`; its size is theirs, rounded up to
    /// a page with zeros.
    pub fn add_image(&mut self, name: &'static str, gpa: Gpa, bytes: Vec<u8>) -> Result<(), Error> {
        let size = (bytes.len() as u64).next_multiple_of(PAGE);
        let gpas = self.free_range(gpa, size)?;
        self.declare(
            name,
            gpas,
            Permits::READ,
            Backing::Image {
                bytes,
                copies: Vec::new(),
            },
        );
        Ok(())
    }

    /// Maps the page that a fault asks for, if a window is declared there and permits the access.
    /// Returns the window's name.
    pub fn resolve(&mut self, fault: &Fault) -> Result<&'static str, Refusal> {
        let window = self
            .windows
            .iter_mut()
            .find(|window| window.gpas.contains(&fault.gpa))
            .ok_or(Refusal::Undeclared)?;
        let name = window.name;
        if !window.permits.allow(fault.access) {
            return Err(Refusal::Forbidden(name));
        }
        let page = fault.gpa.page();
        let offset = page.offset_from(window.gpas.start);
        let offset = offset.ok_or(Refusal::Undeclared)?;
        if self.mapped.contains(&page) {
            return Err(Refusal::NoProgress(name));
        }
        let (hpa, kind) = match &mut window.backing {
            Backing::Ram(_) => return Err(Refusal::NoProgress(name)),
            Backing::Device { hpa } => {
                // That it is there was looked at when the window was declared.
                let hpa = hpa.checked_add(offset).ok_or(Refusal::Undeclared)?;
                (hpa, Kind::Device)
            }
            Backing::Image { bytes, copies } => {
                let copy = copy_page(bytes, offset).ok_or(Refusal::OutOfMemory)?;
                let hpa = copy.hpa();
                copies.push(copy);
                (hpa, Kind::Normal)
            }
        };
        match self.tables.map(page, hpa, PAGE, window.permits, kind) {
            Ok(()) => {
                self.mapped.insert(page);
                Ok(name)
            }
            Err(MapError::OutOfMemory) => Err(Refusal::OutOfMemory),
            // Declared windows were checked against the tables' reach; a defect, seen as such.
            Err(MapError::OutOfRange | MapError::Misuse) => Err(Refusal::NoProgress(name)),
        }
    }

    /// `len` bytes of RAM at `gpa`, if all of them lie in one RAM window.
    pub fn ram(&self, gpa: Gpa, len: u64) -> Option<&[u8]> {
        self.windows
            .iter()
            .find_map(|window| match &window.backing {
                Backing::Ram(ram) => ram.bytes().get(inside(&window.gpas, gpa, len)?),
                _ => None,
            })
    }

    /// As [`Self::ram`], to be changed.
    pub fn ram_mut(&mut self, gpa: Gpa, len: u64) -> Option<&mut [u8]> {
        self.windows
            .iter_mut()
            .find_map(|window| match &mut window.backing {
                Backing::Ram(ram) => {
                    let range = inside(&window.gpas, gpa, len)?;
                    ram.bytes_mut().get_mut(range)
                }
                _ => None,
            })
    }

    /// The number of bytes of RAM from `gpa` to the end of its window; 0 outside RAM.
    pub fn room_at(&self, gpa: Gpa) -> u64 {
        let holds = |w: &&Window| matches!(w.backing, Backing::Ram(_)) && w.gpas.contains(&gpa);
        self.windows
            .iter()
            .find(holds)
            .and_then(|window| window.gpas.end.offset_from(gpa))
            .unwrap_or(0)
    }

    fn declare(
        &mut self,
        name: &'static str,
        gpas: Range<Gpa>,
        permits: Permits,
        backing: Backing,
    ) {
        self.windows.push(Window {
            name,
            gpas,
            permits,
            backing,
        });
    }

    /// The range of a new window: whole pages, not empty, and over no other window.
    fn free_range(&self, gpa: Gpa, size: u64) -> Result<Range<Gpa>, Error> {
        let end = gpa
            .checked_add(size)
            .ok_or(Error::Layout("a window wraps around"))?;
        if size == 0 || !gpa.is_page_aligned() || !size.is_multiple_of(PAGE) {
            return Err(Error::Layout(
                "a window is empty or not made of whole pages",
            ));
        }
        if self
            .windows
            .iter()
            .any(|other| gpa < other.gpas.end && other.gpas.start < end)
        {
            return Err(Error::Layout("two windows overlap"));
        }
        Ok(gpa..end)
    }
}

impl From<MapError> for Error {
    fn from(error: MapError) -> Self {
        match error {
            MapError::OutOfMemory => Self::OutOfMemory {
                purpose: "page tables",
            },
            MapError::OutOfRange => Self::Layout("a window is beyond the reach of the tables"),
            MapError::Misuse => Self::Layout("a window is mapped twice or not page-aligned"),
        }
    }
}

/// Where `len` bytes at `gpa` lie in a window's memory, if they all do.
fn inside(gpas: &Range<Gpa>, gpa: Gpa, len: u64) -> Option<Range<usize>> {
    let end = gpa.checked_add(len).filter(|end| *end <= gpas.end)?;
    let offset = |address: Gpa| usize::try_from(address.offset_from(gpas.start)?).ok();
    Some(offset(gpa)?..offset(end)?)
}

/// A new page with what `bytes` has at `offset`, and zeros behind their end.
fn copy_page(bytes: &[u8], offset: u64) -> Option<Region> {
    let mut page = Region::new(1, PAGE)?;
    let rest = usize::try_from(offset)
        .ok()
        .and_then(|offset| bytes.get(offset..))
        .unwrap_or(&[]);
    let len = rest.len().min(PAGE as usize);
    page.bytes_mut()[..len].copy_from_slice(&rest[..len]);
    Some(page)
}
