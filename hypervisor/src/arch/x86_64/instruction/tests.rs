//! Encodings by an assembler, each form by itself.

use super::*;

/// Register N holds this much more than N.
const HELD: u64 = 0xA0B0_C0D0_1020_3040;
const RIP: u64 = 0xFFFF_FFFF_8000_1000;
const RCX: u64 = HELD + 1;

fn state() -> State {
    State {
        registers: core::array::from_fn(|number| HELD + number as u64),
        rip: RIP,
        fs_base: 0x1_0000_0000,
        gs_base: 0x2_0000_0000,
    }
}

/// With what an instruction cannot be behind it.
fn decoded(code: &[u8]) -> Option<(Access, u64)> {
    let mut bytes = code.to_vec();
    bytes.resize(LONGEST, 0xCC);
    decode(&bytes, &state())
}

#[test]
fn a_load_says_what_it_fills() {
    use Size::{Byte, Double, Half, Word};
    let high = |number| Target {
        is_high: true,
        ..Target::low(number, Byte)
    };
    let signed = |size| Target {
        is_signed: true,
        ..Target::low(2, size)
    };
    let forms: [(&[u8], Size, Target); 22] = [
        (b"\x8A\x01", Byte, Target::low(0, Byte)), // mov al, [rcx]
        (b"\x8A\x21", Byte, high(0)),              // mov ah, [rcx]
        (b"\x8A\x39", Byte, high(3)),              // mov bh, [rcx]
        (b"\x40\x8A\x31", Byte, Target::low(6, Byte)), // mov sil, [rcx]
        (b"\x44\x8A\x39", Byte, Target::low(15, Byte)), // mov r15b, [rcx]
        (b"\x66\x8B\x11", Half, Target::low(2, Half)), // mov dx, [rcx]
        (b"\x66\x44\x8B\x09", Half, Target::low(9, Half)), // mov r9w, [rcx]
        (b"\x8B\x11", Word, Target::low(2, Word)), // mov edx, [rcx]
        (b"\x44\x8B\x01", Word, Target::low(8, Word)), // mov r8d, [rcx]
        (b"\x48\x8B\x11", Double, Target::low(2, Double)), // mov rdx, [rcx]
        (b"\x4C\x8B\x39", Double, Target::low(15, Double)), // mov r15, [rcx]
        (b"\x66\x0F\xB6\x11", Byte, Target::low(2, Half)), // movzx dx, byte ptr [rcx]
        (b"\x0F\xB6\x11", Byte, Target::low(2, Word)), // movzx edx, byte ptr [rcx]
        (b"\x48\x0F\xB6\x11", Byte, Target::low(2, Double)), // movzx rdx, byte ptr [rcx]
        (b"\x0F\xB7\x11", Half, Target::low(2, Word)), // movzx edx, word ptr [rcx]
        (b"\x48\x0F\xB7\x11", Half, Target::low(2, Double)), // movzx rdx, word ptr [rcx]
        (b"\x66\x0F\xBE\x11", Byte, signed(Half)), // movsx dx, byte ptr [rcx]
        (b"\x0F\xBE\x11", Byte, signed(Word)),     // movsx edx, byte ptr [rcx]
        (b"\x48\x0F\xBE\x11", Byte, signed(Double)), // movsx rdx, byte ptr [rcx]
        (b"\x0F\xBF\x11", Half, signed(Word)),     // movsx edx, word ptr [rcx]
        (b"\x48\x0F\xBF\x11", Half, signed(Double)), // movsx rdx, word ptr [rcx]
        (b"\x48\x63\x11", Word, signed(Double)),   // movsxd rdx, dword ptr [rcx]
    ];
    for (code, size, target) in forms {
        let wanted = Access {
            transfer: Transfer::Load { size },
            target,
            next: RIP + code.len() as u64,
        };
        assert_eq!(decoded(code), Some((wanted, RCX)), "{code:x?}");
    }
}

#[test]
fn a_store_says_what_it_stores() {
    use Size::{Byte, Double, Half, Word};
    let forms: [(&[u8], Size, u64); 14] = [
        (b"\x88\x01", Byte, 0x40),                               // mov [rcx], al
        (b"\x88\x29", Byte, 0x30),                               // mov [rcx], ch
        (b"\x40\x88\x39", Byte, 0x47),                           // mov [rcx], dil
        (b"\x44\x88\x21", Byte, 0x4C),                           // mov [rcx], r12b
        (b"\x66\x89\x11", Half, 0x3042),                         // mov [rcx], dx
        (b"\x89\x11", Word, 0x1020_3042),                        // mov [rcx], edx
        (b"\x44\x89\x29", Word, 0x1020_304D),                    // mov [rcx], r13d
        (b"\x48\x89\x11", Double, HELD + 2),                     // mov [rcx], rdx
        (b"\x48\x89\x21", Double, HELD + 4),                     // mov [rcx], rsp
        (b"\xC6\x01\x81", Byte, 0x81),                           // mov byte ptr [rcx], 0x81
        (b"\x66\xC7\x01\x82\x81", Half, 0x8182),                 // mov word ptr [rcx], 0x8182
        (b"\xC7\x01\x84\x83\x82\x81", Word, 0x8182_8384),        // mov dword ptr [rcx], 0x81828384
        (b"\x48\xC7\x01\xFE\xFF\xFF\xFF", Double, u64::MAX - 1), // mov qword ptr [rcx], -2
        (b"\x48\xC7\x01\x7F\0\0\0", Double, 0x7F),               // mov qword ptr [rcx], 0x7f
    ];
    for (code, size, value) in forms {
        let (access, address) = decoded(code).unwrap();
        assert_eq!(
            access.transfer,
            Transfer::Store { size, value },
            "{code:x?}"
        );
        assert_eq!((address, access.next), (RCX, RIP + code.len() as u64));
    }
}

#[test]
fn an_address_is_made_as_the_processor_does() {
    let forms: [(&[u8], u64); 18] = [
        (b"\x8B\x41\x04", RCX + 4),                       // [rcx + 4]
        (b"\x8B\x41\xFC", RCX - 4),                       // [rcx - 4]
        (b"\x8B\x81\x78\x56\x34\x12", RCX + 0x1234_5678), // [rcx + 0x12345678]
        (
            b"\x8B\x44\xD1\x04",
            RCX.wrapping_add((HELD + 2).wrapping_mul(8)).wrapping_add(4),
        ), // [rcx + rdx * 8 + 4]
        (b"\x8B\x04\x11", RCX.wrapping_add(HELD + 2)),    // [rcx + rdx]
        (
            b"\x8B\x04\x95\xFF\xFF\xFF\xFF",
            (HELD + 2).wrapping_mul(4).wrapping_sub(1),
        ), // [rdx * 4 - 1]
        (
            b"\x42\x8B\x04\x64",
            (HELD + 4).wrapping_add((HELD + 12).wrapping_mul(2)),
        ), // [rsp + r12 * 2]
        (b"\x8B\x05\0\x01\0\0", RIP + 6 + 0x100),         // [rip + 0x100]
        (b"\x67\x8B\x05\0\x01\0\0", 0x8000_1000 + 7 + 0x100), // [eip + 0x100]
        (b"\x67\x8B\x01", 0x1020_3041),                   // [ecx]
        (b"\x67\x8B\x44\x51\xFC", 0x1020_3041 + 2 * 0x1020_3042 - 4), // [ecx + edx * 2 - 4]
        (b"\x8B\x04\x25\x78\x56\x34\x12", 0x1234_5678),   // [0x12345678]
        (b"\x8B\x04\x25\0\0\0\xF0", 0xFFFF_FFFF_F000_0000), // [0xfffffffff0000000]
        (b"\x64\x8B\x01", RCX + 0x1_0000_0000),           // fs:[rcx]
        (b"\x65\x8B\x04\x25\x10\0\0\0", 0x2_0000_0010),   // gs:[0x10]
        (b"\x26\x8B\x01", RCX),                           // es:[rcx]
        (
            b"\xA1\x88\x77\x66\x55\x44\x33\x22\x11",
            0x1122_3344_5566_7788,
        ), // moffs
        (b"\x67\xA1\0\0\0\x80", 0x8000_0000),             // moffs of 32 bits
    ];
    for (code, wanted) in forms {
        let (access, address) = decoded(code).unwrap();
        assert_eq!(address, wanted, "{code:x?}");
        let (size, target) = (Size::Word, Target::low(0, Size::Word));
        assert_eq!(access.transfer, Transfer::Load { size });
        assert_eq!(
            (access.target, access.next),
            (target, RIP + code.len() as u64)
        );
    }
    // An address of 32 bits wraps there.
    let wraps = State {
        registers: [0xFFFF_FFFF; 16],
        ..state()
    };
    let address = decode(b"\x67\x8B\x44\x51\xFC", &wraps).unwrap().1;
    assert_eq!(address, 0xFFFF_FFF9);
}

#[test]
fn what_is_no_mov_is_none() {
    let others: [&[u8]; 26] = [
        b"\x03\x01",         // add eax, [rcx]
        b"\x09\x01",         // or [rcx], eax
        b"\x87\x01",         // xchg eax, [rcx]
        b"\xF0\x0F\xC1\x01", // lock xadd [rcx], eax
        b"\xFF\x31",         // push qword ptr [rcx]
        b"\x8F\x01",         // pop qword ptr [rcx]
        b"\xA4",             // movsb
        b"\xF3\xAB",         // rep stosd
        b"\x83\x39\x01",     // cmp dword ptr [rcx], 1
        b"\x85\x01",         // test [rcx], eax
        b"\xFF\x01",         // inc dword ptr [rcx]
        b"\x66\x0F\x6E\x01", // movd xmm0, [rcx]
        b"\x0F\x6F\x01",     // movq mm0, [rcx]
        b"\x0F\x10\x01",     // movups xmm0, [rcx]
        b"\x0F\x38\xF0\x01", // movbe eax, [rcx]
        b"\x0F\xC3\x01",     // movnti [rcx], eax
        b"\x8E\x19",         // mov ds, [rcx]
        b"\x8C\x19",         // mov [rcx], ds
        b"\x89\xC8",         // mov eax, ecx
        b"\xB8\x05\0\0\0",   // mov eax, 5
        b"\x0F\x20\xC0",     // mov rax, cr0
        b"\xFF\x11",         // call qword ptr [rcx]
        b"\x48\x0F\xC7\x09", // cmpxchg16b [rcx]
        b"\xD9\x01",         // fld dword ptr [rcx]
        b"\x0F\xBA\x29\x01", // bts dword ptr [rcx], 1
        b"\xF0\x89\x11",     // lock mov [rcx], edx, which there is not
    ];
    for code in others {
        assert_eq!(decoded(code), None, "{code:x?}");
    }
}

#[test]
fn an_access_is_the_one_that_faulted() {
    let gpa = Gpa::new(0xFEC0_0041);
    let (load, store) = (b"\x8B\x11", b"\x89\x11");
    assert_eq!(RCX % 0x1000, 0x041);
    for (code, is_write) in [(load, false), (store, true)] {
        let whole = decode(code, &state()).map(|(access, _)| access);
        assert_eq!(made(code, &state(), gpa, is_write), whole);
        assert_eq!(made(code, &state(), gpa, !is_write), None);
        for other in [0xFEC0_0040, 0xFEC0_0042, 0xFEC0_0000] {
            assert_eq!(made(code, &state(), Gpa::new(other), is_write), None);
        }
    }
}

#[test]
fn half_an_instruction_is_none() {
    let whole = b"\x48\xC7\x81\x78\x56\x34\x12\xFE\xFF\xFF\xFF"; // mov qword ptr [rcx + 0x12345678], -2
    assert!(decode(whole, &state()).is_some());
    for end in 0..whole.len() {
        assert_eq!(decode(&whole[..end], &state()), None, "{end} bytes");
    }
    // No instruction is longer than 15 bytes.
    assert_eq!(decode(&[0x26; LONGEST], &state()), None);
}

/// Whatever is there, and whatever the registers hold.
#[test]
fn any_bytes_are_an_instruction_or_none() {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut found = 0;
    for _ in 0..200_000 {
        let mut bytes = [next().to_le_bytes(), next().to_le_bytes()].concat();
        bytes.truncate(LONGEST);
        let state = State {
            registers: core::array::from_fn(|_| next()),
            rip: next(),
            fs_base: next(),
            gs_base: next(),
        };
        found += u32::from(decode(&bytes, &state).is_some());
    }
    assert!(found > 1000, "{found}");
}
