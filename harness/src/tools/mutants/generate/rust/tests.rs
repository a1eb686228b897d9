use super::*;
use crate::tools::mutants::generate::site::named;
use std::path::Path;

/// The mutants of a source of an architecture: what is left of the ID behind the file, and the text.
fn mutants(text: &str) -> Vec<(String, String)> {
    mutants_in("hypervisor/src/arch/x86_64/a.rs", text)
}

fn mutants_in(file: &str, text: &str) -> Vec<(String, String)> {
    let arch = file.contains("/arch/").then_some(Arch::X86_64);
    let (items, found) = find(text, arch).unwrap();
    let sites = named(Path::new(file), text, &items, found);
    let short = |id: &str| id.splitn(3, '/').nth(2).unwrap().to_owned();
    sites
        .iter()
        .map(|site| (short(&site.id), site.apply(text).unwrap()))
        .collect()
}

/// Checks that a source has these mutants and no others.
fn has(text: &str, wanted: &[(&str, &str)]) {
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(id, text)| (id.to_string(), text.to_string()))
        .collect();
    assert_eq!(mutants(text), wanted);
}

#[test]
fn each_bit_of_a_constant_is_dropped_by_the_name_that_its_comment_gives_it() {
    let text = "const A: u32 = 1 << 0 // VMRUN, always\n    | 1 << 2 // VMLOAD\n    | X;\n";
    has(
        text,
        &[
            (
                "A/VMRUN-dropped",
                "const A: u32 = 1 << 2 // VMLOAD\n    | X;\n",
            ),
            (
                "A/VMLOAD-dropped",
                "const A: u32 = 1 << 0 // VMLOAD\n    | X;\n",
            ),
            (
                "A/X-dropped",
                "const A: u32 = 1 << 0 // VMRUN, always\n    | 1 << 2;\n",
            ),
        ],
    );
}

#[test]
fn a_marker_names_bits_that_must_stay_clear() {
    let text =
        "/// Doc.\n// mutants: clear bits 4, 63\npub const A: u64 = 0;\nconst B: u64 = 1 << 3;\n";
    let set = |bit: u32| text.replacen("= 0;", &format!("= (0) | 1 << {bit};"), 1);
    has(
        text,
        &[
            ("A/bit4-set", &set(4)),
            ("A/bit63-set", &set(63)),
            ("B/zeroed", &text.replace("1 << 3", "0")),
        ],
    );
}

#[test]
fn masks_and_fields_are_dropped() {
    has(
        "fn f() { g(a & MASK) }",
        &[("f/mask-MASK-dropped", "fn f() { g(a) }")],
    );
    has(
        "fn f() -> C { C { a: regs::HEDELEG, b: 0, c: x, d: csr_read!(\"sie\") } }",
        &[
            (
                "f/a-zeroed",
                "fn f() -> C { C { a: 0, b: 0, c: x, d: csr_read!(\"sie\") } }",
            ),
            (
                "f/read-sie-zeroed",
                "fn f() -> C { C { a: regs::HEDELEG, b: 0, c: x, d: 0 } }",
            ),
        ],
    );
}

#[test]
fn rows_of_tables_are_dropped() {
    has(
        "const T: [u32; 2] = [1, 2];",
        &[
            ("T/1-dropped", "const T: [u32; 2] = [2, 2];"),
            ("T/2-dropped", "const T: [u32; 2] = [1, 1];"),
        ],
    );
    has(
        "const T: &[u32] = &[1, 2,];",
        &[
            ("T/1-dropped", "const T: &[u32] = &[2,];"),
            ("T/2-dropped", "const T: &[u32] = &[1,];"),
        ],
    );
    has(
        "fn f() { match a { 1 | 2 => x, _ => y } }",
        &[
            ("f/1-dropped", "fn f() { match a { 2 => x, _ => y } }"),
            ("f/2-dropped", "fn f() { match a { 1 => x, _ => y } }"),
        ],
    );
}

#[test]
fn steps_are_left_out() {
    has(
        "impl Drop for Region<T> { fn drop(&mut self) { self.bytes().fill(0); a.b = 1; a()?; unsafe { b() }; c() } }",
        &[
            (
                "Region.drop/self.bytes-.fill-0-dropped",
                "impl Drop for Region<T> { fn drop(&mut self) { (); a.b = 1; a()?; unsafe { b() }; c() } }",
            ),
            (
                "Region.drop/a.b-dropped",
                "impl Drop for Region<T> { fn drop(&mut self) { self.bytes().fill(0); (); a()?; unsafe { b() }; c() } }",
            ),
            (
                "Region.drop/a-dropped",
                "impl Drop for Region<T> { fn drop(&mut self) { self.bytes().fill(0); a.b = 1; (); unsafe { b() }; c() } }",
            ),
            (
                "Region.drop/b-dropped",
                "impl Drop for Region<T> { fn drop(&mut self) { self.bytes().fill(0); a.b = 1; a()?; unsafe { () }; c() } }",
            ),
        ],
    );
    has(
        "fn f() { unsafe { sysreg_write!(\"hstr_el2\", 0); sysreg_write!($r, 1); } }",
        &[(
            "f/write-hstr_el2-dropped",
            "fn f() { unsafe { (); sysreg_write!($r, 1); } }",
        )],
    );
}

#[test]
fn bounds_are_moved_and_guards_removed() {
    let text =
        "fn f() -> E { if a > b || !c { return Err(1); } if d.is_some_and(|e| e <= F) { g } }";
    let wanted = [
        ("f/a-b-dropped", "if !c {"),
        ("f/never-a-b-c", "if false {"),
        ("f/a-is-at-least", "a >= b"),
        ("f/c-dropped", "if a > b {"),
        ("f/e-is-less", "e < F"),
    ];
    let found = mutants_in("hypervisor/src/memory/a.rs", text);
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for ((id, mutant), (wanted, part)) in found.iter().zip(wanted) {
        assert_eq!(id, wanted);
        assert!(mutant.contains(part), "{mutant}");
    }
}

#[test]
fn limits_match_guards_and_sums_are_removed() {
    let text = "fn f() { match a { b if c(b) => d.min(LIMIT), _ => self.0.checked_add(e) } }";
    let wanted = [
        ("f/always-c-b", text.replace("if c(b)", "if true")),
        ("f/min-LIMIT-dropped", text.replace(".min(LIMIT)", "")),
        (
            "f/checked_add-wraps",
            text.replace("self.0.checked_add(e)", "Some(self.0.wrapping_add(e))"),
        ),
    ];
    let wanted = wanted.map(|(id, text)| (id.to_owned(), text));
    assert_eq!(mutants_in("hypervisor/src/memory/a.rs", text), wanted);
}

#[test]
fn a_permission_is_given_whatever_the_window_permits() {
    has(
        "fn f() { if permits.write { e |= W; } }",
        &[
            ("f/always-permits.write", "fn f() { if true { e |= W; } }"),
            ("f/e-W-dropped", "fn f() { if permits.write { (); } }"),
        ],
    );
}

#[test]
fn tests_instruments_and_the_hosts_own_code_have_no_sites() {
    has("#[cfg(test)]\nmod tests { fn f() { g(); } }", &[]);
    has(
        "#[cfg(not(target_os = \"none\"))]\nmod backend { fn f() { g(); } }",
        &[],
    );
    has("fn host_registers() { g(); }", &[]);
}

#[test]
fn what_is_no_rust_is_an_error_with_its_line() {
    assert!(find("fn f() {\n", None).unwrap_err().starts_with("line "));
    assert!(
        find("fn f() {}\nfn fn\n", None)
            .unwrap_err()
            .starts_with("line 2:")
    );
}
