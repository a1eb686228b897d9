//! Page tables: what is mapped is found by a walk, and nothing else is.

use super::*;

/// The leaf's entry.
fn entry(root: Hpa, gpa: u64) -> u64 {
    leaf(root, gpa).unwrap().0
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
fn a_block_wants_both_addresses_to_be_multiples_of_its_size() {
    const BLOCK: u64 = 2 << 20;
    for (gpa, hpa) in [(BLOCK, 8 * BLOCK + PAGE), (BLOCK + PAGE, 8 * BLOCK)] {
        let mut tables = tables();
        map(&mut tables, (gpa, hpa, BLOCK), Permits::ALL, Kind::Normal).unwrap();
        for offset in (0..BLOCK).step_by(PAGE as usize) {
            assert_eq!(translate(tables.root(), gpa + offset), Some(hpa + offset));
        }
        assert_eq!(translate(tables.root(), gpa - PAGE), None);
        assert_eq!(translate(tables.root(), gpa + BLOCK), None);
    }
}

#[test]
fn new_entries_are_made_visible() {
    let mut tables = tables();
    let before = PUBLISHED.get();
    let pages = (0x1000, 0x5000, 3 * PAGE);
    map(&mut tables, pages, Permits::ALL, Kind::Normal).unwrap();
    assert_eq!(PUBLISHED.get(), before + 1);
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
    // Nor does an address that is too large take the page away that has its lower bits.
    map(&mut tables, (0, 0x7000, PAGE), Permits::ALL, Kind::Normal).unwrap();
    for gpa in [limit, limit << 1, u64::MAX - 0xFFF] {
        assert_eq!(tables.unmap(Gpa::new(gpa), PAGE), Err(MapError::OutOfRange));
        assert_eq!(translate(tables.root(), 0), Some(0x7000));
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
fn neither_is_a_page_or_a_table_with_pages() {
    let mut tables = tables();
    let mut map_at = |gpa, hpa, size| {
        let result = map(&mut tables, (gpa, hpa, size), Permits::ALL, Kind::Normal);
        (result, translate(tables.root(), 0x20_1000))
    };
    assert_eq!(map_at(0x20_1000, 0x7000, PAGE), (Ok(()), Some(0x7000)));
    for (gpa, size) in [
        (0x20_1000, PAGE),
        (0x20_0000, 2 * PAGE),
        (0x20_0000, 2 << 20),
    ] {
        let result = map_at(gpa, 0x40_0000, size);
        assert_eq!(result, (Err(MapError::Misuse), Some(0x7000)), "{size:#x}");
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
