//! The permission maps of ports and MSRs, tried all over.

use super::{probe::PROTECTION, try_in_kernel};
use crate::println;

/// Steps through a range that are a multiple of nothing, so that every bit of a map's bytes is met.
const STEP: usize = 61;

/// MSRs that are the guest's, or carried out for it.
pub(super) const OWN: [u32; 12] = [
    0x174,
    0x175,
    0x176,
    0x277,
    0xC000_0080,
    0xC000_0081,
    0xC000_0082,
    0xC000_0083,
    0xC000_0084,
    0xC000_0100,
    0xC000_0101,
    0xC000_0102,
];

/// Reads ports and MSRs from one end of the maps to the other, and beyond; prints each that is not
/// refused and is not the guest's, and gives their number.
pub fn try_permission_maps() -> usize {
    let ports = (0..=0xFFFF).step_by(STEP).chain(0xFFFD..=0xFFFF);
    let open_ports = ports.filter(|&port| is_open("port", port, read_port(port)));
    let ranges = [0, 0x4000_0000, 0xC000_0000, 0xC001_0000];
    // The last in each range, and the first behind it.
    let edges = [0x1FFF, 0x2000];
    let msrs = ranges.into_iter().flat_map(|first| {
        let inside = (0..0x2000).step_by(STEP).chain(edges);
        inside.map(move |offset| first + offset as u32)
    });
    let others = msrs.filter(|msr| !OWN.contains(msr));
    let open_msrs = others.filter(|&msr| is_open("msr", msr, read_msr(msr)));
    open_ports.count() + open_msrs.count()
}

/// `mov edx, port; in eax, dx`: four ports at once.
fn read_port(port: u32) -> [u8; 7] {
    let [a, b, c, d] = port.to_le_bytes();
    [0xBA, a, b, c, d, 0xED, 0x90]
}

/// `mov ecx, msr; rdmsr`
fn read_msr(msr: u32) -> [u8; 7] {
    let [a, b, c, d] = msr.to_le_bytes();
    [0xB9, a, b, c, d, 0x0F, 0x32]
}

fn is_open(kind: &str, number: u32, code: [u8; 7]) -> bool {
    let fate = try_in_kernel(&code);
    if fate != PROTECTION {
        println!("guest: {kind} {number:#x}: {fate:x?}");
    }
    fate != PROTECTION
}
