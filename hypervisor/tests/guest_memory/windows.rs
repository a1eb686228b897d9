//! A guest's memory map: RAM, devices and images.

use super::*;

fn read(gpa: u64) -> Fault {
    Fault {
        gpa: Gpa::new(gpa),
        access: Access::Read,
        during_walk: false,
        transfer: None,
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
    assert_eq!(memory.room_at(Gpa::new(0x7FFF_F000)), 0);
}

#[test]
fn there_is_room_for_an_image_in_ram_alone() {
    let mut memory = GuestMemory::new(tables());
    let flash = Gpa::new(0x8000);
    memory
        .add_device("pflash", flash, 0x1000, Hpa::new(0x8000), Permits::READ)
        .unwrap();
    // Each touches its neighbour.
    memory.add_ram("ram", Gpa::new(0x9000), 0x2000).unwrap();
    memory.add_ram("more", Gpa::new(0x7000), 0x1000).unwrap();
    let room = |gpa| memory.room_at(Gpa::new(gpa));
    assert_eq!(
        [room(0x7000), room(0x8000), room(0x9000)],
        [0x1000, 0, 0x2000]
    );
}

#[test]
fn ram_that_has_the_size_of_a_block_is_one() {
    const BLOCK: u64 = 2 << 20;
    let mut memory = GuestMemory::new(tables());
    for gpa in [BLOCK, 4 * BLOCK, 8 * BLOCK] {
        memory.add_ram("ram", Gpa::new(gpa), BLOCK).unwrap();
        let (_, level) = leaf(memory.tables().root(), gpa).unwrap();
        assert_eq!(level, 1, "{gpa:#x}");
    }
}

#[test]
fn a_page_is_mapped_once() {
    let mut memory = GuestMemory::new(tables());
    let (device, image) = (Gpa::new(0x8000), Gpa::new(0x1_0000));
    memory.add_ram("ram", Gpa::new(0x1000), PAGE).unwrap();
    memory
        .add_device("device", device, PAGE, Hpa::new(0x8000), Permits::READ)
        .unwrap();
    memory.add_image("image", image, vec![1; 8]).unwrap();
    for (gpa, name) in [(device, "device"), (image, "image")] {
        assert_eq!(memory.resolve(&read(gpa.get())), Ok(name));
        let mapped = translate(memory.tables().root(), gpa.get());
        let again = memory.resolve(&read(gpa.get() + 8));
        assert_eq!(again, Err(Refusal::NoProgress(name)));
        assert_eq!(translate(memory.tables().root(), gpa.get()), mapped);
    }
    let in_ram = memory.resolve(&read(0x1000));
    assert_eq!(in_ram, Err(Refusal::NoProgress("ram")));
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
    // A page in the middle is a page of it, and no more.
    assert_eq!(memory.resolve(&read(0xFFC0_0FFC)), Ok("pflash"));
    let hpa = translate(memory.tables().root(), 0xFFC0_0000).unwrap();
    // SAFETY: as above.
    let page = unsafe { std::slice::from_raw_parts(hpa as *const u8, PAGE as usize) };
    assert_eq!(page, &image[..0x1000]);
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
        (0x1000, 0x800),
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
    for hpa in [0x8001, u64::MAX - 0xFFF] {
        let gpa = Gpa::new(0x1000);
        let result = memory.add_device("other", gpa, 0x1000, Hpa::new(hpa), Permits::READ);
        assert!(matches!(result, Err(Error::Layout(_))), "{hpa:#x}");
    }
}
