//! The calls of processes.

use gkernel_abi::{CONSOLE, EBADF, EFAULT, ENOSYS, EXIT, PID, WRITE, YIELD};

use super::{
    Turn,
    process::{End, Process},
};
use crate::{arch, println};

/// Does what a process calls for. With `says`, it tells so.
pub(super) fn serve(process: &mut Process, says: bool) -> Turn {
    if says {
        println!("handle_syscall ...");
    }
    let (number, arguments) = process.context.call();
    let mut turn = Turn::Goes;
    let answer = match number {
        WRITE => write(process, arguments),
        YIELD => {
            turn = Turn::IsOver;
            0
        }
        PID => process.number as i64,
        EXIT => {
            if says {
                println!("[SYS_EXIT]: process is exiting ..");
            }
            return Turn::Ended(End::Exited(arguments[0] as i64));
        }
        _ => ENOSYS,
    };
    process.context.answer(answer);
    turn
}

/// Writes all of it, or nothing.
fn write(process: &mut Process, [file, address, length]: [u64; 3]) -> i64 {
    if file != CONSOLE {
        return EBADF;
    }
    if !process.owns(address, length) {
        return EFAULT;
    }
    let mut piece = [0; 128];
    let mut done = 0;
    while done < length {
        let size = piece.len().min((length - done) as usize);
        let bytes = &mut piece[..size];
        if !process.read(address + done, bytes) {
            return EFAULT;
        }
        for part in bytes.utf8_chunks() {
            arch::print(format_args!("{}", part.valid()));
            if !part.invalid().is_empty() {
                arch::print(format_args!("\u{FFFD}"));
            }
        }
        done += size as u64;
    }
    length as i64
}
