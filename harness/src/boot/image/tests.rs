use super::*;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// An ELF file with load segments at the given physical addresses.
pub(in crate::boot) fn elf(segments: &[(u64, &[u8])]) -> Vec<u8> {
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    for (value, size) in [
        (2, 2),
        (243, 2),
        (1, 4),
        (0, 8),
        (64, 8),
        (0, 8),
        (0, 4),
        (64, 2),
        (56, 2),
        (segments.len() as u64, 2),
        (0, 2),
        (0, 2),
        (0, 2u64),
    ] {
        out.extend(&value.to_le_bytes()[..size as usize]);
    }
    let mut offset = (64 + 56 * segments.len()) as u64;
    for (at, data) in segments {
        let (len, more) = (data.len() as u64, data.len() as u64 + 0x1000);
        for (value, size) in [
            (1, 4),
            (5, 4),
            (offset, 8),
            (at | 0xffff_0000_0000_0000, 8),
            (*at, 8),
            (len, 8),
            (more, 8),
            (1, 8u64),
        ] {
            out.extend(&value.to_le_bytes()[..size as usize]);
        }
        offset += len;
    }
    segments.iter().for_each(|(_, data)| out.extend(*data));
    out
}

#[test]
fn segments_are_laid_out_by_physical_address_without_trailing_zeros() {
    let file = elf(&[(0x8000_0008, b"late"), (0x8000_0000, b"early")]);
    assert_eq!(flatten(&file).unwrap(), b"early\0\0\0late");
}

#[test]
fn what_is_no_elf_stays_and_what_is_broken_is_refused() {
    assert_eq!(flatten(b"flat").unwrap(), b"flat");
    assert!(flatten(b"\x7fELF").is_err());
    assert!(flatten(&elf(&[])).unwrap_err().contains("no segment"));
    assert!(
        flatten(&elf(&[(0, b"a"), (1 << 40, b"b")]))
            .unwrap_err()
            .contains("span")
    );
    assert!(flatten(&elf(&[(0, b"a"), (u64::MAX, b"b")])).is_err());
    let mut cut = elf(&[(0, b"abc")]);
    cut.pop();
    assert!(flatten(&cut).unwrap_err().contains("outside"));
}

#[test]
fn the_disk_is_fat32_sparse_quick_and_holds_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a, b.img");
    let guest: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
    let files = [
        ("/sbin/gkernel".into(), guest),
        ("/sbin/guest-own-fault".into(), b"a long name".to_vec()),
        ("/boot/cmdline".into(), b"nonce=1".to_vec()),
    ];
    let start = Instant::now();
    write_disk(&path, 64 << 20, &files).unwrap();
    let took = start.elapsed();
    for (name, contents) in &files {
        assert!(
            read_from_disk(&path, name).unwrap() == *contents,
            "{name} differs"
        );
    }
    let disk = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let volume = FileSystem::new(disk, FsOptions::new()).unwrap();
    assert_eq!(volume.fat_type(), FatType::Fat32);
    let sbin = volume.root_dir().open_dir("sbin").unwrap();
    let names: Vec<_> = sbin
        .iter()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| !name.starts_with('.'))
        .collect();
    assert_eq!(names, ["gkernel", "guest-own-fault"]);
    let meta = std::fs::metadata(&path).unwrap();
    assert_eq!(meta.len(), 64 << 20);
    assert!(
        meta.blocks() * 512 < 3 << 20,
        "{} bytes on disk",
        meta.blocks() * 512
    );
    // Ten times the budget: this must not fail on a busy machine; `harness bench` has the figure.
    assert!(took < Duration::from_millis(500), "{took:?}");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "a temporary file is left"
    );
}

/// Every directory entry of a disk that is no long name's: its name and its three dates.
fn dates(disk: &Path) -> Vec<(String, [u16; 3])> {
    let bytes = std::fs::read(disk).unwrap();
    let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let is_name = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b" ~.-_".contains(b);
    let entries = (0..bytes.len()).step_by(32).filter(|&at| {
        let [folder, file] = [0x10, 0x20];
        let is_entry = [folder, file, 0].contains(&bytes[at + 11]);
        is_entry && bytes[at] != b' ' && bytes[at..at + 11].iter().all(is_name)
    });
    entries
        .map(|at| {
            let name = String::from_utf8_lossy(&bytes[at..at + 11]).into_owned();
            // Created, accessed, written: offsets 16, 18, 24 of an entry (FAT specification).
            (name, [16, 18, 24].map(|field| number(at + field)))
        })
        .collect()
}

#[test]
fn all_files_and_folders_are_of_fats_first_day_and_two_disks_are_alike() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["1.img", "2.img"].map(|name| folder.path().join(name));
    let files = [("/sbin/gkernel".into(), vec![0xff; 700])];
    write_disk(&one, 34 << 20, &files).unwrap();
    write_disk(&two, 34 << 20, &files).unwrap();
    let entries = dates(&one);
    // proc, sys, sbin and their `.` and `..`, and the guest.
    let count = entries.len();
    assert!(count > 3 * 3, "{entries:?}");
    let first_day = (1 << 5) | 1; // year 0 since 1980, month 1, day 1
    for (name, dates) in &entries {
        assert_eq!(*dates, [first_day; 3], "{name}");
    }
    assert!(std::fs::read(&one).unwrap() == std::fs::read(&two).unwrap());
}

#[test]
fn the_disk_grows_with_what_is_put_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    let mut guest = vec![0x5a; 40 << 20];
    guest.push(1);
    let files = [
        ("/sbin/large".into(), guest),
        ("/boot/cmdline".into(), b"x".to_vec()),
    ];
    write_disk(&path, 34 << 20, &files).unwrap();
    for (name, contents) in &files {
        assert!(read_from_disk(&path, name).unwrap() == *contents, "{name}");
    }
    let size = std::fs::metadata(&path).unwrap().len();
    assert!((40 << 20..48 << 20).contains(&size), "{size}");
    // Small files have a cluster and two entries each.
    let small = |n| (format!("/sbin/small-{n}"), vec![1]);
    let many: Vec<_> = (0..50).map(small).collect();
    write_disk(&path, 34 << 20, &many).unwrap();
}

#[test]
fn flash_is_sparse_and_begins_with_its_contents() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.img");
    write_flash(&path, 32 << 20, b"pfld").unwrap();
    let meta = std::fs::metadata(&path).unwrap();
    assert_eq!(meta.len(), 32 << 20);
    assert!(meta.blocks() * 512 < 1 << 20);
    assert!(std::fs::read(&path).unwrap().starts_with(b"pfld\0"));
    assert!(write_flash(&path, 2, b"pfld").is_err());
}

/// The kind of FAT that a size makes sense for; and the disk works, whatever its size.
#[test]
fn a_disk_of_any_size_has_the_fat_that_fits_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    let guest: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    let files = [("/sbin/guest.bin".to_owned(), guest.clone())];
    let kinds = [1, 3, 5, 8, 16, 33, 34, 64, 511, 512, 4096].map(|mib| {
        write_disk(&path, mib << 20, &files).unwrap();
        assert!(
            read_from_disk(&path, "/sbin/guest.bin").unwrap() == guest,
            "{mib} MiB"
        );
        let meta = std::fs::metadata(&path).unwrap();
        assert!(
            meta.blocks() * 512 < 10 << 20,
            "{} bytes for {mib} MiB",
            meta.blocks() * 512
        );
        let disk = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let volume = FileSystem::new(disk, FsOptions::new()).unwrap();
        (mib, volume.fat_type())
    });
    for (mib, kind) in kinds {
        let is_32 = kind == FatType::Fat32;
        assert_eq!(is_32, mib >= 34, "{mib} MiB is {kind:?}");
    }
}

#[test]
fn a_small_disk_is_cut_within_its_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    let files = [("/sbin/guest.bin".to_owned(), vec![0x5a; 1 << 20])];
    for mib in [5, 64] {
        write_disk(&path, mib << 20, &files).unwrap();
        break_disk(&path, DiskFault::Truncated).unwrap();
        let left = std::fs::read(&path).unwrap();
        let of_file = left.iter().filter(|&&byte| byte == 0x5a).count();
        assert!(
            (1 << 18..(1 << 20) - 4096).contains(&of_file),
            "{mib} MiB: {of_file}"
        );
    }
}

/// The bytes that this thread has read from files.
fn bytes_read() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let read = text.lines().find_map(|line| line.strip_prefix("rchar: "));
    read.unwrap().parse().unwrap()
}

#[test]
fn of_a_large_disk_only_what_is_written_is_read_to_cut_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    let files = [("/sbin/guest.bin".to_owned(), vec![0x5a; 1 << 20])];
    write_disk(&path, 4 << 30, &files).unwrap();
    let before = bytes_read();
    break_disk(&path, DiskFault::Truncated).unwrap();
    let read = bytes_read() - before;
    assert!(read < 32 << 20, "{read} bytes");
    let left = std::fs::metadata(&path).unwrap().len();
    assert!(left < 32 << 20, "{left} bytes");
}

#[test]
fn what_an_image_leaves_out_takes_up_nothing_in_its_copy() {
    let folder = tempfile::tempdir().unwrap();
    let [own, copied] = ["own.img", "disk.img"].map(|name| folder.path().join(name));
    let file = std::fs::File::create(&own).unwrap();
    file.set_len(256 << 20).unwrap();
    let at = [(0, "first"), (100 << 20, "middle")];
    for (at, text) in at {
        std::os::unix::fs::FileExt::write_all_at(&file, text.as_bytes(), at).unwrap();
    }
    copy(&own, &copied).unwrap();
    let copied = std::fs::File::open(&copied).unwrap();
    let meta = copied.metadata().unwrap();
    assert_eq!(meta.len(), 256 << 20);
    assert!(meta.blocks() * 512 < 1 << 20, "{} blocks", meta.blocks());
    for (at, text) in at {
        let mut there = vec![0; text.len()];
        std::os::unix::fs::FileExt::read_exact_at(&copied, &mut there, at).unwrap();
        assert_eq!(there, text.as_bytes());
    }
}

/// The guest is the last file of a run's disk, whatever else is there.
#[test]
fn a_truncated_disk_ends_within_its_last_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    for size in [0, 100_000] {
        let files = [
            ("/boot/pflash.img", vec![0x11; size]),
            ("/sbin/guest.bin", vec![0x5a; 22_264]),
        ];
        let files = files.map(|(name, bytes)| (name.to_owned(), bytes));
        write_disk(&path, 5 << 20, &files).unwrap();
        break_disk(&path, DiskFault::Truncated).unwrap();
        let left = std::fs::read(&path).unwrap();
        let of_guest = left.iter().filter(|&&byte| byte == 0x5a).count();
        assert!((1000..22_000).contains(&of_guest), "{size}: {of_guest}");
    }
}

#[test]
fn an_image_of_ones_own_is_copied_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let [own, copied] = ["own.img", "disk.img"].map(|name| folder.path().join(name));
    std::fs::write(&own, b"an image").unwrap();
    let read_only = std::os::unix::fs::PermissionsExt::from_mode(0o444);
    std::fs::set_permissions(&own, read_only).unwrap();
    copy(&own, &copied).unwrap();
    std::fs::write(&copied, b"written to").unwrap();
    assert_eq!(std::fs::read(&own).unwrap(), b"an image");
    assert!(copy(&folder.path().join("none"), &copied).is_err());
}
