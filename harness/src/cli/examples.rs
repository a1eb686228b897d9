//! The examples at the end of each command's help. A test has the program's own parser read each of them.

pub(super) const RUN: &str = "\
Examples:
  harness run --arch riscv64
      the workspace's hypervisor and its usual guest
  harness run --machine x86_64 --hypervisor kernel.elf --scenario my.toml
      any kernel, in any folder
  harness run --arch aarch64 --mode el0 --timeout 10s
  harness run --arch riscv64 --report junit=junit.xml --report json=results.json
      for dashboards and scripts
  harness run --arch riscv64 --gdb
      the machine waits for gdb, and the line to paste is printed
  harness run --arch riscv64 --shell
      type on the console; Ctrl-A x ends it";

pub(super) const MATRIX: &str = "\
Examples:
  harness matrix
      every scenario on each of its architectures
  harness matrix 'timer-* & !arch(x86_64)' --jobs 4
      some of them
  harness matrix --rerun-failed
      those that did not pass in the newest matrix
  harness matrix --shard 2/3 --report junit=junit.xml
      one of three computers, and what a dashboard reads";

pub(super) const PAGE: &str = "\
Examples:
  harness page
      of the newest run or matrix
  harness page target/harness/runs/20261126T135712Z-x86_64-gkernel-13318";

pub(super) const WATCH: &str = "\
Examples:
  harness watch --arch riscv64
  harness watch --arch all --scenario my.toml --hypervisor kernel.elf";

pub(super) const BUILD: &str = "\
Examples:
  harness build --arch all
  harness build --arch riscv64 --rebuild";

pub(super) const JUDGE: &str = "\
Examples:
  harness judge target/harness/runs/20261126T135712Z-x86_64-gkernel-13318
      a run's records: the same verdict again
  harness judge --arch riscv64 --scenario my.toml console.log
      a recorded console
  harness judge --machine riscv64 --report tap=- -
      a console from standard input, and TAP on standard output";

pub(super) const AUDIT: &str = "\
Example:
  harness audit target/harness/runs/20261126T135712Z-x86_64-gkernel-13318";

pub(super) const NEW: &str = "\
Example:
  harness new --arch riscv64 --from console.log";

pub(super) const EXPLAIN: &str = "\
Examples:
  harness explain
      every key, word and verdict there is
  harness explain wrong-end
  harness explain step.within
  harness explain --schema matrix";

pub(super) const MUTANTS: &str = "\
Examples:
  harness mutants --arch riscv64
  harness mutants npf-outside
  harness mutants --generate x86_64/vmcb
      break each bit of a file, one at a time";

pub(super) const BENCH: &str = "\
Examples:
  harness bench
  harness bench --soak 200
      boot 200 times, and show every boot that did not pass
  harness bench --all --save before.json
      what is measured, to compare with it later: --baseline before.json";

pub(super) const DOCTOR: &str = "\
Examples:
  harness doctor
  harness doctor --arch x86_64
  harness doctor --format json";

pub(super) const LIST: &str = "\
Examples:
  harness list
  harness list --markdown";

pub(super) const COMPLETIONS: &str = "\
Examples:
  harness completions bash
      into ~/.local/share/bash-completion/completions/harness
  harness completions zsh
      into a folder of $fpath, as _harness
  harness completions fish
      into ~/.config/fish/completions/harness.fish";

pub(super) const MAN: &str = "\
Examples:
  harness man
      to read it: harness man | man -l -
  harness man run";
