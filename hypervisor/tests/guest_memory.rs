//! The hypervisor's memory map and its page tables, on the host: what is declared, what a walk of
//! the tables finds, and what is refused.

use std::cell::RefCell;

use hypervisor::{
    error::Error,
    memory::addr::{Gpa, Hpa, PAGE},
    memory::guest_memory::{GuestMemory, NotRam},
    memory::mapping::{Kind, MapError, Permits, Translation},
    memory::pages::Region,
    memory::stage2::{Flush, Format, Tables},
    vm::exit::{Access, Fault, Refusal},
    vm::params::Params,
};

/// A format like Sv39x4: three levels, a root of four pages. Bit 0: valid, bit 1: leaf.
struct Wide;

impl Format for Wide {
    const LEVELS: u32 = 3;
    const ROOT_EXTRA_BITS: u32 = 2;

    fn leaf(hpa: Hpa, _level: u32, permits: Permits, _kind: Kind) -> u64 {
        hpa.get() | 3 | u64::from(permits.write) << 2
    }

    fn table(hpa: Hpa) -> u64 {
        hpa.get() | 1
    }

    fn next_table(entry: u64) -> Option<Hpa> {
        (entry & 2 == 0).then_some(Hpa::new(entry & !0xFFF))
    }
}

impl Flush for Wide {
    fn invalidate(gpa: Gpa) {
        INVALIDATED.with_borrow_mut(|pages| pages.push(gpa.get()));
    }
}

thread_local! {
    /// The pages that `Wide` was told to drop from the TLBs, in order.
    static INVALIDATED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Walks as the hardware would: from the root's address, through memory.
fn translate(root: Hpa, gpa: u64) -> Option<u64> {
    let (entry, level) = leaf(root, gpa)?;
    Some((entry & !0xFFF) + (gpa & ((PAGE << (9 * level)) - 1)))
}

/// The leaf's entry.
fn entry(root: Hpa, gpa: u64) -> u64 {
    leaf(root, gpa).unwrap().0
}

fn leaf(root: Hpa, gpa: u64) -> Option<(u64, u32)> {
    let mut table = root.get();
    for (level, bits) in [(2, 11), (1, 9), (0, 9)] {
        let index = gpa >> (12 + 9 * level) & ((1 << bits) - 1);
        // SAFETY: on the host a table's address is its pointer, and the tables are alive.
        let entry = unsafe { *((table + 8 * index) as *const u64) };
        match entry & 3 {
            1 => table = entry & !0xFFF,
            3 => return Some((entry, level)),
            _ => return None,
        }
    }
    None
}

fn tables() -> Tables<Wide> {
    Tables::new().unwrap()
}

/// Maps by plain numbers.
fn map(
    tables: &mut Tables<Wide>,
    (gpa, hpa, size): (u64, u64, u64),
    permits: Permits,
    kind: Kind,
) -> Result<(), MapError> {
    tables.map(Gpa::new(gpa), Hpa::new(hpa), size, permits, kind)
}

#[test]
fn a_page_is_found_and_its_neighbours_are_not() {
    let mut tables = tables();
    map(
        &mut tables,
        (0x8020_0000, 0x1234_5000, PAGE),
        Permits::ALL,
        Kind::Normal,
    )
    .unwrap();
    assert_eq!(translate(tables.root(), 0x8020_0abc), Some(0x1234_5abc));
    assert_eq!(translate(tables.root(), 0x8020_1000), None);
    assert_eq!(translate(tables.root(), 0x801f_ffff), None);
}

#[test]
fn a_large_range_goes_by_blocks_with_pages_at_the_edges() {
    const BLOCK: u64 = 2 << 20;
    let mut tables = tables();
    let (gpa, hpa, size) = (4 * BLOCK - PAGE, 8 * BLOCK - PAGE, BLOCK + 2 * PAGE);
    map(&mut tables, (gpa, hpa, size), Permits::ALL, Kind::Normal).unwrap();
    for offset in (0..size).step_by(PAGE as usize) {
        assert_eq!(
            translate(tables.root(), gpa + offset),
            Some(hpa + offset),
            "{offset:#x}"
        );
    }
    assert_eq!(translate(tables.root(), gpa - 1), None);
    assert_eq!(translate(tables.root(), gpa + size), None);
}

#[test]
fn the_root_is_wide_and_aligned_to_its_size() {
    let mut tables = tables();
    assert_eq!(tables.root().get() % (4 * PAGE), 0);
    let last = Tables::<Wide>::LIMIT.get() - PAGE;
    map(
        &mut tables,
        (last, 0x7000, PAGE),
        Permits::READ,
        Kind::Device,
    )
    .unwrap();
    assert_eq!(translate(tables.root(), last), Some(0x7000));
    assert_eq!(
        translate(tables.root(), last & ((1 << 39) - 1)),
        None,
        "no index wraps"
    );
}

#[test]
fn no_address_beyond_the_tables_is_mapped() {
    let mut tables = tables();
    let limit = Tables::<Wide>::LIMIT.get();
    for gpa in [limit, limit - PAGE, 1 << 47, u64::MAX - 0xFFF] {
        let result = map(&mut tables, (gpa, 0, 2 * PAGE), Permits::ALL, Kind::Normal);
        assert_eq!(result, Err(MapError::OutOfRange), "{gpa:#x}");
    }
}

#[test]
fn a_mapping_is_not_overwritten() {
    let mut tables = tables();
    map(
        &mut tables,
        (0x20_0000, 0x40_0000, 2 << 20),
        Permits::ALL,
        Kind::Normal,
    )
    .unwrap();
    for gpa in [0x20_0000, 0x2f_f000] {
        let result = map(&mut tables, (gpa, 0x5000, PAGE), Permits::ALL, Kind::Normal);
        assert_eq!(result, Err(MapError::Misuse), "{gpa:#x}");
        assert_eq!(translate(tables.root(), gpa), Some(gpa + 0x20_0000));
    }
}

#[test]
fn a_page_that_is_unmapped_is_gone_from_tables_and_tlbs() {
    let mut tables = tables();
    map(
        &mut tables,
        (0x1000, 0x5000, 3 * PAGE),
        Permits::ALL,
        Kind::Normal,
    )
    .unwrap();
    tables.unmap(Gpa::new(0x2000), PAGE).unwrap();
    assert_eq!(translate(tables.root(), 0x2000), None);
    assert_eq!(translate(tables.root(), 0x1000), Some(0x5000));
    assert_eq!(translate(tables.root(), 0x3000), Some(0x7000));
    assert_eq!(INVALIDATED.with_borrow(Clone::clone), [0x2000]);
    // Break before make: only now may something else be mapped there.
    map(
        &mut tables,
        (0x2000, 0x9000, PAGE),
        Permits::READ,
        Kind::Normal,
    )
    .unwrap();
    assert_eq!(translate(tables.root(), 0x2000), Some(0x9000));
}

#[test]
fn a_block_is_unmapped_whole_or_not_at_all() {
    const BLOCK: u64 = 2 << 20;
    let mut tables = tables();
    map(
        &mut tables,
        (BLOCK, BLOCK, BLOCK),
        Permits::ALL,
        Kind::Normal,
    )
    .unwrap();
    assert_eq!(tables.unmap(Gpa::new(BLOCK), PAGE), Err(MapError::Misuse));
    assert_eq!(
        tables.unmap(Gpa::new(BLOCK + PAGE), BLOCK),
        Err(MapError::Misuse)
    );
    assert_eq!(translate(tables.root(), BLOCK + 5), Some(BLOCK + 5));
    tables.unmap(Gpa::new(BLOCK), BLOCK).unwrap();
    assert_eq!(translate(tables.root(), BLOCK + 5), None);
    assert_eq!(
        tables.unmap(Gpa::new(BLOCK), BLOCK),
        Err(MapError::Misuse),
        "nothing is there any more"
    );
}

#[test]
fn permissions_reach_the_entry() {
    let mut tables = tables();
    map(
        &mut tables,
        (0x1000, 0x1000, PAGE),
        Permits::ALL,
        Kind::Normal,
    )
    .unwrap();
    map(
        &mut tables,
        (0x2000, 0x2000, PAGE),
        Permits::READ,
        Kind::Normal,
    )
    .unwrap();
    assert_eq!(tables.root().get() % PAGE, 0);
    assert!(entry(tables.root(), 0x1000) & 4 != 0);
    assert!(entry(tables.root(), 0x2000) & 4 == 0);
}

#[test]
fn what_is_not_whole_pages_is_misuse() {
    let mut tables = tables();
    for (gpa, hpa, size) in [(1, 0, PAGE), (0, 1, PAGE), (0, 0, 1)] {
        let result = map(&mut tables, (gpa, hpa, size), Permits::ALL, Kind::Normal);
        assert_eq!(result, Err(MapError::Misuse));
    }
}

fn read(gpa: u64) -> Fault {
    Fault {
        gpa: Gpa::new(gpa),
        access: Access::Read,
        during_walk: false,
    }
}

#[test]
fn ram_is_there_from_the_start() {
    let mut memory = GuestMemory::new(tables());
    memory
        .add_ram("ram", Gpa::new(0x8000_0000), 0x4000)
        .unwrap();
    memory.write(Gpa::new(0x8000_3fff), &[7]).unwrap();
    let hpa = translate(memory.tables().root(), 0x8000_3fff).unwrap();
    // SAFETY: on the host the address is a pointer into the guest's RAM, which is alive.
    assert_eq!(unsafe { *(hpa as *const u8) }, 7);
    assert_eq!(memory.room_at(Gpa::new(0x8000_3000)), 0x1000);
    assert_eq!(memory.room_at(Gpa::new(0x8000_4000)), 0);
}

#[test]
fn what_is_written_to_ram_is_read_there() {
    let mut memory = GuestMemory::new(tables());
    let ram = Gpa::new(0x8000_0000);
    memory.add_ram("ram", ram, 0x4000).unwrap();
    memory.write(Gpa::new(0x8000_0ffe), b"over").unwrap();
    let mut bytes = [0xAA; 8];
    memory.read(Gpa::new(0x8000_0ffc), &mut bytes).unwrap();
    assert_eq!(&bytes, b"\0\0over\0\0");
    let places: Vec<_> = memory.ram_in_host().collect();
    let hpa = translate(memory.tables().root(), ram.get()).unwrap();
    assert_eq!(places, [(Hpa::new(hpa), 0x4000)]);
}

#[test]
fn a_copy_lies_in_one_window_of_ram_or_nothing_is_copied() {
    let mut memory = GuestMemory::new(tables());
    memory.add_ram("ram", Gpa::new(0x1000), 0x1000).unwrap();
    // It begins where the first one ends.
    memory.add_ram("more", Gpa::new(0x2000), 0x1000).unwrap();
    let flash = Gpa::new(0x8000);
    memory
        .add_device("pflash", flash, 0x1000, Hpa::new(0x8000), Permits::READ)
        .unwrap();
    for gpa in [0, 0xFFE, 0x1FFE, 0x2FFD, 0x3000, 0x8000, u64::MAX - 1] {
        let gpa = Gpa::new(gpa);
        let mut bytes = [0xAA; 4];
        assert_eq!(memory.read(gpa, &mut bytes), Err(NotRam), "{gpa}");
        assert_eq!(bytes, [0xAA; 4], "{gpa}");
        assert_eq!(memory.write(gpa, b"evil"), Err(NotRam), "{gpa}");
        assert!(!memory.is_ram(gpa, 4), "{gpa}");
    }
    let mut all = [1; 0x1000];
    for start in [0x1000, 0x2000] {
        memory.read(Gpa::new(start), &mut all).unwrap();
        assert!(all.iter().all(|&byte| byte == 0), "{start:#x}");
    }
    assert!(!memory.is_ram(Gpa::new(0x1000), u64::MAX));
    assert!(memory.is_ram(Gpa::new(0x1000), 0));
}

#[test]
fn an_image_window_shows_the_image_and_zeros_behind_it() {
    let mut memory = GuestMemory::new(tables());
    let image: Vec<u8> = (0..0x1800u32).map(|i| (i % 251) as u8).collect();
    memory
        .add_image("pflash", Gpa::new(0xFFC0_0000), image.clone())
        .unwrap();
    assert_eq!(memory.resolve(&read(0xFFC0_1004)), Ok("pflash"));
    assert_eq!(
        translate(memory.tables().root(), 0xFFC0_0000),
        None,
        "only the page that faulted"
    );
    let hpa = translate(memory.tables().root(), 0xFFC0_1000).unwrap();
    // SAFETY: on the host the address is a pointer to the page's copy, which the map keeps alive.
    let page = unsafe { std::slice::from_raw_parts(hpa as *const u8, PAGE as usize) };
    assert_eq!(page[..0x800], image[0x1000..]);
    assert!(page[0x800..].iter().all(|&byte| byte == 0));
    assert_eq!(memory.resolve(&read(0xFFC0_2000)), Err(Refusal::Undeclared));
}

#[test]
fn windows_that_make_no_sense_are_refused() {
    let mut memory = GuestMemory::new(tables());
    memory
        .add_ram("ram", Gpa::new(0x8000_0000), 0x4000)
        .unwrap();
    let bad = [
        (0x8000_3000, 0x1000),
        (0x7fff_f000, 0x2000),
        (0x1000, 0),
        (0x1001, 0x1000),
    ];
    for (gpa, size) in bad {
        let result = memory.add_device("other", Gpa::new(gpa), size, Hpa::new(0), Permits::READ);
        assert!(matches!(result, Err(Error::Layout(_))), "{gpa:#x}");
    }
    let wraps = memory.add_device(
        "other",
        Gpa::new(u64::MAX - 0xFFF),
        0x2000,
        Hpa::new(0),
        Permits::READ,
    );
    assert!(matches!(wraps, Err(Error::Layout(_))));
}

#[test]
fn memory_is_zeroed_when_it_is_taken() {
    let mut region = Region::new(2, 2 * PAGE).unwrap();
    assert_eq!(region.hpa().get() % (2 * PAGE), 0);
    assert!(region.bytes_mut().iter().all(|&byte| byte == 0));
    region.bytes_mut().fill(0xA5);
    assert_eq!(region.len(), 2 * PAGE);
}

#[test]
fn parameters_are_words() {
    let params = Params::parse("nonce=00ff guest=npf-outside later=1 junk\n");
    assert_eq!(params.nonce.as_deref(), Some("00ff"));
    assert_eq!(params.guest, "npf-outside");
}

#[test]
fn numbers_are_decimal_or_hexadecimal_and_nonsense_is_passed_over() {
    let params = Params::parse("arg=0x80 cpu-ms=20 stalled-exits=many check=host then=two");
    assert_eq!(
        (params.arg, params.runs, params.budgets.cpu_ms),
        (0x80, 1, 20)
    );
    assert_eq!(
        params.budgets.stalled_exits,
        Params::default().budgets.stalled_exits
    );
    assert!(params.check_host);
    assert_eq!(params.then.as_deref(), Some("two"));
}

#[test]
fn a_guest_outside_its_folder_is_not_taken() {
    for word in [
        "guest=../boot/cmdline",
        "guest=a/b",
        "guest=",
        "guest=.hidden",
        "nonce=a\u{1b}b",
    ] {
        assert_eq!(Params::parse(word), Params::default(), "{word}");
    }
}
