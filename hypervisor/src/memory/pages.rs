//! Pages of host memory that belong to one guest: zeroed when taken, zeroed again when given back.

use core::{
    ptr::NonNull,
    slice,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::memory::addr::{Hpa, PAGE};

static HELD: AtomicU64 = AtomicU64::new(0);
static MOST: AtomicU64 = AtomicU64::new(0);

/// The pages that all regions hold now, and the most that they have held at once.
pub fn usage() -> (u64, u64) {
    (HELD.load(Ordering::Relaxed), MOST.load(Ordering::Relaxed))
}

/// A run of host pages, contiguous in host-physical memory.
pub struct Region {
    start: NonNull<u8>,
    pages: usize,
    align: usize,
}

impl Region {
    /// Takes `pages` zeroed pages whose host-physical address is a multiple of `align` bytes (a
    /// power of two, at least a page). `None` if there is no such run.
    pub fn new(pages: usize, align: u64) -> Option<Self> {
        let align = usize::try_from(align).ok()?;
        debug_assert!(align.is_power_of_two() && align >= PAGE as usize);
        let start = backend::take(pages, align)?;
        let held = HELD.fetch_add(pages as u64, Ordering::Relaxed) + pages as u64;
        MOST.fetch_max(held, Ordering::Relaxed);
        let mut region = Self {
            start,
            pages,
            align,
        };
        region.bytes_mut().fill(0);
        Some(region)
    }

    /// The host-physical address of the first byte.
    pub fn hpa(&self) -> Hpa {
        backend::hpa(self.start)
    }

    /// The size in bytes.
    pub fn len(&self) -> u64 {
        self.pages as u64 * PAGE
    }

    /// Whether the region has no pages.
    pub fn is_empty(&self) -> bool {
        self.pages == 0
    }

    /// Copies the contents from `offset` on into `bytes`; `None` if that goes beyond the end.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> Option<()> {
        let start = self.at(offset, bytes.len())?;
        // SAFETY: all of it is in the region, whose pages are initialised (zeroed by `new`); `bytes` is
        // borrowed exclusively, so it is elsewhere. There is one CPU, so no guest runs meanwhile.
        unsafe {
            bytes
                .as_mut_ptr()
                .copy_from_nonoverlapping(start, bytes.len());
        };
        Some(())
    }

    /// Copies `bytes` into the region, from `offset` on; `None` if that goes beyond the end.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Option<()> {
        let start = self.at(offset, bytes.len())?;
        // SAFETY: all of it is in the region, which is borrowed exclusively, so `bytes` is elsewhere.
        unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Some(())
    }

    /// A pointer to `len` bytes at `offset`, if the region has them.
    fn at(&self, offset: u64, len: usize) -> Option<*mut u8> {
        let end = offset.checked_add(len as u64)?;
        if end > self.len() {
            return None;
        }
        // SAFETY: the offset is within the region.
        Some(unsafe { self.start.as_ptr().add(offset as usize) })
    }

    /// The contents of a region that no guest can reach.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: `start` points to `pages` pages that this region owns, and `&mut self` makes the borrow
        // exclusive. In `new` the pages hold arbitrary bytes, which are valid as `u8`, and are filled at
        // once.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.pages * PAGE as usize) }
    }

    /// The contents as 64-bit words, for page tables and control blocks.
    pub fn words_mut(&mut self) -> &mut [u64] {
        // SAFETY: as in `bytes_mut`; a page is aligned for u64 and any bits are a u64.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.pages * 512) }
    }

    /// A pointer to the first byte.
    pub fn as_ptr<T>(&self) -> *mut T {
        self.start.as_ptr().cast()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // What one guest wrote, the next owner of these pages must not see.
        self.bytes_mut().fill(0);
        backend::give_back(self.start, self.pages, self.align);
        HELD.fetch_sub(self.pages as u64, Ordering::Relaxed);
    }
}

#[cfg(target_os = "none")]
mod backend {
    use super::{Hpa, PAGE};
    use axalloc::{UsageKind, global_allocator};
    use axhal::mem::virt_to_phys;
    use core::ptr::NonNull;

    pub fn take(pages: usize, align: usize) -> Option<NonNull<u8>> {
        let start = global_allocator()
            .alloc_pages(pages, align, UsageKind::VirtMem)
            .ok()?;
        NonNull::new(start as *mut u8)
    }

    pub fn give_back(start: NonNull<u8>, pages: usize, _align: usize) {
        global_allocator().dealloc_pages(start.as_ptr() as usize, pages, UsageKind::VirtMem);
    }

    pub fn hpa(start: NonNull<u8>) -> Hpa {
        Hpa::new(virt_to_phys((start.as_ptr() as usize).into()).as_usize() as u64)
    }

    const _: () = assert!(PAGE == axhal::mem::PAGE_SIZE_4K as u64);
}

/// The implementation for tests on the host: the heap, where an address is its own physical address. Pages
/// come full of rubbish, and have to be zero when they are given back.
#[cfg(not(target_os = "none"))]
mod backend {
    use super::{Hpa, PAGE};
    use alloc::alloc::{alloc, dealloc};
    use core::{alloc::Layout, ptr::NonNull};
    use std::cell::Cell;

    std::thread_local!(static TAKEN: Cell<usize> = const { Cell::new(0) });

    /// The pages that this thread has taken and not given back.
    #[cfg(test)]
    pub fn taken() -> usize {
        TAKEN.get()
    }

    const RUBBISH: u8 = 0xA5;

    fn layout(pages: usize, align: usize) -> Option<Layout> {
        Layout::from_size_align(pages.checked_mul(PAGE as usize)?, align).ok()
    }

    pub fn take(pages: usize, align: usize) -> Option<NonNull<u8>> {
        let layout = layout(pages, align).filter(|layout| layout.size() > 0)?;
        // SAFETY: the layout is not of size zero.
        let start = NonNull::new(unsafe { alloc(layout) })?;
        // SAFETY: it has so many bytes.
        unsafe { start.write_bytes(RUBBISH, layout.size()) };
        TAKEN.set(TAKEN.get() + pages);
        Some(start)
    }

    pub fn give_back(start: NonNull<u8>, pages: usize, align: usize) {
        if let Some(layout) = layout(pages, align) {
            // SAFETY: they were written when they were taken.
            let bytes = unsafe { core::slice::from_raw_parts(start.as_ptr(), layout.size()) };
            assert!(
                bytes.iter().all(|byte| *byte == 0),
                "a guest's data are left"
            );
            // SAFETY: `start` came from `take` with the same pages and alignment.
            unsafe { dealloc(start.as_ptr(), layout) };
            TAKEN.set(TAKEN.get() - pages);
        }
    }

    pub fn hpa(start: NonNull<u8>) -> Hpa {
        Hpa::new(start.as_ptr() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_zero_when_they_are_taken_and_when_they_are_given_back() {
        let mut region = Region::new(3, 2 * PAGE).unwrap();
        assert!(region.hpa().is_aligned_to(2 * PAGE));
        assert_eq!(region.len(), 3 * PAGE);
        assert!(region.bytes_mut().iter().all(|byte| *byte == 0));
        // The backend looks at them when the region is dropped.
        region.write(2 * PAGE, &[7; PAGE as usize]).unwrap();
    }

    #[test]
    fn pages_are_counted_and_come_back() {
        // More than other tests hold meanwhile.
        const MANY: u64 = 4096;
        let before = backend::taken();
        let region = Region::new(MANY as usize, PAGE).unwrap();
        assert!(usage().0 >= MANY);
        assert_eq!(backend::taken(), before + MANY as usize);
        drop(region);
        let (held, most) = usage();
        assert!(held < MANY && most >= MANY, "{held} of {most}");
        assert_eq!(backend::taken(), before);
    }

    #[test]
    fn only_what_is_in_the_region_is_copied() {
        let mut region = Region::new(1, PAGE).unwrap();
        let mut word = [0; 4];
        region.write(PAGE - 4, &[1, 2, 3, 4]).unwrap();
        region.read(PAGE - 4, &mut word).unwrap();
        assert_eq!(word, [1, 2, 3, 4]);
        for offset in [PAGE - 3, PAGE, u64::MAX - 1] {
            assert_eq!(region.write(offset, &[9; 4]), None);
            assert_eq!(region.read(offset, &mut word), None);
        }
        assert_eq!(region.read(PAGE, &mut []), Some(()), "nothing, at the end");
    }
}
