//! The guest of the story for aarch64's simpler mode, at EL0. Elsewhere it is `gkernel`.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest_at_el0!(gkernel::story);
