//! The guest's memory: RAM and device windows, declared before the guest runs. Only this module maps,
//! and it maps only what was declared.
//!
//! The contents are copied, never lent: the guest can change them whenever it runs, which no Rust
//! reference would allow.

use alloc::{collections::BTreeSet, vec::Vec};
use core::ops::Range;

use crate::{
    error::Error,
    memory::addr::{Gpa, Hpa, PAGE},
    memory::mapping::{Kind, MapError, Permits, Translation},
    memory::pages::Region,
    vm::exit::{Fault, Refusal},
};

enum Backing {
    /// The guest's own memory, mapped when it is declared.
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

/// Not all of a range is in one window of RAM. Nothing was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRam;

/// A guest's RAM, for whoever looks at what is there.
pub trait Ram {
    /// Copies the guest's RAM from `gpa` on into `bytes`.
    fn read(&self, gpa: Gpa, bytes: &mut [u8]) -> Result<(), NotRam>;
}

impl<T: Translation> Ram for GuestMemory<T> {
    fn read(&self, gpa: Gpa, bytes: &mut [u8]) -> Result<(), NotRam> {
        Self::read(self, gpa, bytes)
    }
}

/// A guest's memory map, and the tables `T` that implement it.
pub struct GuestMemory<T> {
    windows: Vec<Window>,
    /// The mapped pages of device and image windows.
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

    /// The tables to which the architecture points the CPU.
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

    /// Declares a read-only window at `gpa` that shows `bytes`, with zeros up to the end of the last
    /// page.
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
            // Declared windows were checked against the tables' reach; so this is a bug, and reported
            // as one.
            Err(MapError::OutOfRange | MapError::Misuse) => Err(Refusal::NoProgress(name)),
        }
    }

    /// Copies the guest's RAM from `gpa` on into `bytes`.
    pub fn read(&self, gpa: Gpa, bytes: &mut [u8]) -> Result<(), NotRam> {
        let (ram, offset) = self.ram(gpa, bytes.len() as u64).ok_or(NotRam)?;
        ram.read(offset, bytes).ok_or(NotRam)
    }

    /// Copies `bytes` into the guest's RAM, from `gpa` on.
    pub fn write(&mut self, gpa: Gpa, bytes: &[u8]) -> Result<(), NotRam> {
        let len = bytes.len() as u64;
        for window in &mut self.windows {
            if let Some(offset) = inside(&window.gpas, gpa, len)
                && let Backing::Ram(ram) = &mut window.backing
            {
                return ram.write(offset, bytes).ok_or(NotRam);
            }
        }
        Err(NotRam)
    }

    /// Whether `len` bytes at `gpa` are all in one window of RAM.
    pub fn is_ram(&self, gpa: Gpa, len: u64) -> bool {
        self.ram(gpa, len).is_some()
    }

    /// Where the guest's RAM is in host memory, for each window: its first byte and its size in bytes.
    pub fn ram_in_host(&self) -> impl Iterator<Item = (Hpa, u64)> {
        self.windows
            .iter()
            .filter_map(|window| match &window.backing {
                Backing::Ram(ram) => Some((ram.hpa(), ram.len())),
                _ => None,
            })
    }

    /// The RAM that holds all of `len` bytes at `gpa`, and their offset in it.
    fn ram(&self, gpa: Gpa, len: u64) -> Option<(&Region, u64)> {
        self.windows
            .iter()
            .find_map(|window| match &window.backing {
                Backing::Ram(ram) => Some((ram, inside(&window.gpas, gpa, len)?)),
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

    /// The range of a new window: whole pages, not empty, and without overlap with other windows.
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

/// The offset in a window of `len` bytes at `gpa`, if the window holds all of them.
fn inside(gpas: &Range<Gpa>, gpa: Gpa, len: u64) -> Option<u64> {
    gpa.checked_add(len).filter(|end| *end <= gpas.end)?;
    gpa.offset_from(gpas.start)
}

/// A new page with a copy of `bytes` from `offset` on, and zeros after their end.
fn copy_page(bytes: &[u8], offset: u64) -> Option<Region> {
    let mut page = Region::new(1, PAGE)?;
    let rest = usize::try_from(offset)
        .ok()
        .and_then(|offset| bytes.get(offset..))
        .unwrap_or(&[]);
    let len = rest.len().min(PAGE as usize);
    page.write(0, &rest[..len])?;
    Some(page)
}
