//! What the bare guests need that ArceOS has: a banner, a writer, a panic handler.

use core::{
    fmt::{self, Write},
    panic::PanicInfo,
};

use crate::arch;

/// ArceOS's banner.
const BANNER: &str = r#"
       d8888                            .d88888b.   .d8888b.
      d88888                           d88P" "Y88b d88P  Y88b
     d88P888                           888     888 Y88b.
    d88P 888 888d888  .d8888b  .d88b.  888     888  "Y888b.
   d88P  888 888P"   d88P"    d8P  Y8b 888     888     "Y88b.
  d88P   888 888     888      88888888 888     888       "888
 d8888888888 888     Y88b.    Y8b.     Y88b. .d88P Y88b  d88P
d88P     888 888      "Y8888P  "Y8888   "Y88888P"   "Y8888P"
"#;

/// Prints the banner and the platform lines.
pub fn greet(arch: &str, platform: &str) {
    print(format_args!(
        "{BANNER}\narch = {arch}\nplatform = {platform}\nsmp = 1\n\n"
    ));
}

/// Prints text, a byte a call.
pub fn print(text: fmt::Arguments<'_>) {
    // The writer does not fail.
    let _ = Putchar.write_fmt(text);
}

struct Putchar;

impl Write for Putchar {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        s.bytes().for_each(arch::putchar);
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    print(format_args!("guest {info}\n"));
    arch::give_up()
}
