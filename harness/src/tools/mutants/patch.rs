//! A mutant's file: what defect it puts back, which verdict is to see it, and the patch.

use crate::arch::{Arch, UnknownArch};
use crate::error::{ConfigError, Error, Excerpt};
use crate::files;
use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};
use std::path::{Component, Path, PathBuf};

/// The verdicts that a defect may be seen by, besides `timeout`, which only a defect that hangs has.
const RED: [&str; 15] = [
    "missing-marker",
    "diverged",
    "results-wrong",
    "forbidden-output",
    "guest-killed",
    "hypervisor-error",
    "early-exit",
    "timeout",
    "broken-report",
    "wrong-end",
    "witness-disagrees",
    "strand-broken",
    "exit-flood",
    "isolation-broken",
    "not-audited",
];

/// What a mutant may change: the thing under test, and nothing that judges it.
const UNDER_TEST: &str = "hypervisor";

/// A defect, as a patch.
#[derive(Debug)]
pub struct Mutant {
    /// The patch's file.
    pub file: PathBuf,
    /// The defect, in words.
    pub defect: String,
    /// The verdicts that see it: one of these is wanted.
    pub verdicts: Vec<String>,
    /// The scenario that sees it; none for the case that the file is named after.
    pub case: Option<String>,
    /// The architectures that can have the defect; none for all.
    pub arches: Option<Vec<Arch>>,
    text: String,
}

impl Mutant {
    /// Reads a mutant's file.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = files::read_text(file)
            .map_err(|e| mistake(file, 0, format!("cannot be read: {e}"), ""))?;
        Ok(Self::parse(file, text)?)
    }

    /// Parses the head of a mutant's file: comment lines, of which `# verdict:`, `# case:` and `# arch:`
    /// are for the machine.
    pub fn parse(file: &Path, text: String) -> Result<Self, ConfigError> {
        let mut mutant = Self {
            file: file.to_owned(),
            defect: String::new(),
            verdicts: Vec::new(),
            case: None,
            arches: None,
            text: String::new(),
        };
        let head = text.lines().map_while(|line| line.strip_prefix('#'));
        for (index, line) in head.map(str::trim).enumerate() {
            let wrong = |message: String| mistake(file, index + 1, message, line);
            if let Some(list) = line.strip_prefix("verdict:") {
                mutant.verdicts = verdicts(list).map_err(wrong)?;
            } else if let Some(case) = line.strip_prefix("case:") {
                mutant.case = Some(case.trim().to_owned());
            } else if let Some(list) = line.strip_prefix("arch:") {
                mutant.arches = Some(arches(list).map_err(wrong)?);
            } else {
                mutant.defect += if mutant.defect.is_empty() { "" } else { " " };
                mutant.defect += line;
            }
        }
        let missing = match &mutant {
            Self { defect, .. } if defect.trim().is_empty() => "`# ` and the defect in words",
            Self { verdicts, .. } if verdicts.is_empty() => "`# verdict:`",
            _ => {
                mutant.text = text;
                return Ok(mutant);
            }
        };
        Err(mistake(file, 0, format!("there is no {missing}"), ""))
    }

    /// The files that the patch changes, as they are with it. `read` gives one as it is.
    pub fn apply(
        &self,
        read: impl Fn(&Path) -> std::io::Result<String>,
    ) -> Result<Vec<(PathBuf, String)>, ConfigError> {
        let mut changed = Vec::new();
        for patch in PatchSet::parse(&self.text, ParseOptions::unidiff()) {
            let patch = patch.map_err(|error| self.mistake(error.to_string()))?;
            let path = match patch.operation().strip_prefix(1) {
                FileOperation::Modify { original, modified } if original == modified => {
                    PathBuf::from(original.into_owned())
                }
                other => return Err(self.mistake(format!("it may only change files: {other:?}"))),
            };
            let shown = path.display();
            let plain = path.components().all(|c| matches!(c, Component::Normal(_)));
            if !plain || !path.starts_with(UNDER_TEST) {
                let why = format!("it changes {shown}, which is not in {UNDER_TEST}/");
                return Err(self.mistake(why));
            }
            let before = read(&path)
                .map_err(|error| self.mistake(format!("it no longer applies: {shown}: {error}")))?;
            let hunks = patch.patch().as_text();
            let hunks = hunks.ok_or_else(|| self.mistake(format!("{shown}: it is no text")))?;
            let after = diffy::apply(&before, hunks)
                .map_err(|error| self.mistake(format!("it no longer applies: {shown}: {error}")))?;
            changed.push((path, after));
        }
        Ok(changed)
    }

    /// That something is wrong with the file as a whole.
    pub fn mistake(&self, message: String) -> ConfigError {
        mistake(&self.file, 0, message, "")
    }
}

fn mistake(file: &Path, line: usize, message: String, text: &str) -> ConfigError {
    ConfigError {
        file: file.to_owned(),
        line,
        key: None,
        message,
        excerpt: Excerpt::of(text),
    }
}

fn verdicts(list: &str) -> Result<Vec<String>, String> {
    let known = |kind: &str| match RED.contains(&kind) {
        true => Ok(kind.to_owned()),
        false => Err(format!(
            "`{kind}` is not a failing verdict; there are {}",
            RED.join(", ")
        )),
    };
    list.split('|').map(str::trim).map(known).collect()
}

fn arches(list: &str) -> Result<Vec<Arch>, String> {
    let known = |name: &str| name.parse().map_err(|error: UnknownArch| error.to_string());
    list.split(',').map(str::trim).map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# Everything is mapped.\n# Yes, all.\n# verdict: wrong-end | timeout\n";
    const BODY: &str = "--- a/hypervisor/src/guest.rs\n+++ b/hypervisor/src/guest.rs\n\
                        @@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n";

    fn mutant(text: &str) -> Result<Mutant, String> {
        Mutant::parse(Path::new("x.patch"), text.to_owned()).map_err(|e| e.to_string())
    }

    fn applied(body: &str, file: &str) -> Result<Vec<(PathBuf, String)>, String> {
        let mutant = mutant(&format!("{HEAD}{body}"))?;
        let read = |path: &Path| match path.ends_with("guest.rs") {
            true => Ok(file.to_owned()),
            false => Err(std::io::ErrorKind::NotFound.into()),
        };
        mutant.apply(read).map_err(|e| e.to_string())
    }

    #[test]
    fn the_head_says_defect_verdicts_and_architectures() {
        let read = mutant(&format!("{HEAD}# arch: riscv64, x86_64\n{BODY}")).unwrap();
        assert_eq!(read.defect, "Everything is mapped. Yes, all.");
        assert_eq!(read.verdicts, ["wrong-end", "timeout"]);
        assert_eq!(read.arches, Some(vec![Arch::Riscv64, Arch::X86_64]));
        assert_eq!(mutant(&format!("{HEAD}{BODY}")).unwrap().arches, None);
        assert_eq!(read.case, None);
        let lie = mutant(&format!("{HEAD}# case: gkernel\n{BODY}")).unwrap();
        assert_eq!(lie.case.as_deref(), Some("gkernel"));
    }

    #[test]
    fn a_patch_of_something_that_is_no_text_is_refused() {
        let binary = "diff --git a/hypervisor/src/guest.rs b/hypervisor/src/guest.rs\n\
                      index 1111111..2222222 100644\nGIT binary patch\nliteral 4\nLcmZQzWMT#Y01f~L\n\n\
                      literal 4\nLcmZQzWMT#Y01f~L\n\n";
        assert!(applied(binary, "one\n").is_err());
    }

    #[test]
    fn a_head_that_says_too_little_or_nonsense_is_refused() {
        for (head, why) in [
            ("", "the defect in words"),
            ("# verdict: diverged\n", "the defect in words"),
            ("# A defect.\n", "there is no `# verdict:`"),
            (
                "# A defect.\n# verdict: pass\n",
                "x.patch:2: `pass` is not a failing",
            ),
            (
                "# A defect.\n# verdict: infrastructure\n",
                "not a failing verdict",
            ),
            (
                "# D.\n# arch: m68k\n# verdict: diverged\n",
                "x.patch:2: no architecture `m68k`",
            ),
        ] {
            let error = mutant(&format!("{head}{BODY}")).unwrap_err();
            assert!(error.contains(why), "{head:?}: {error}");
        }
    }

    #[test]
    fn a_patch_applies_where_its_lines_are_now() {
        let path = PathBuf::from("hypervisor/src/guest.rs");
        let expected = vec![(path.clone(), "one\n2\nthree\n".to_owned())];
        assert_eq!(applied(BODY, "one\ntwo\nthree\n"), Ok(expected));
        let moved = vec![(path, "zero\n\none\n2\nthree\n".to_owned())];
        assert_eq!(applied(BODY, "zero\n\none\ntwo\nthree\n"), Ok(moved));
    }

    #[test]
    fn a_patch_that_no_longer_applies_names_itself_the_file_and_the_hunk() {
        let two = format!("{BODY}@@ -9,2 +9,2 @@\n nine\n-ten\n+10\n");
        let error = applied(&two, "one\ntwo\nthree\nnine\neleven\n").unwrap_err();
        for part in [
            "x.patch",
            "no longer applies",
            "hypervisor/src/guest.rs",
            "hunk #2",
        ] {
            assert!(error.contains(part), "{error}");
        }
        let gone = applied(&BODY.replace("guest.rs", "gone.rs"), "").unwrap_err();
        assert!(
            gone.contains("no longer applies: hypervisor/src/gone.rs"),
            "{gone}"
        );
    }

    #[test]
    fn a_patch_changes_the_hypervisor_and_nothing_else() {
        let elsewhere =
            |from: &str, to: &str| applied(&BODY.replace(from, to), "one\ntwo\nthree\n");
        for (from, to, why) in [
            ("/hypervisor/", "/harness/", "not in hypervisor/"),
            (
                "/hypervisor/",
                "/hypervisor/../harness/",
                "not in hypervisor/",
            ),
            ("a/hypervisor", "//hypervisor", "may only change files"),
            (
                "+++ b/hypervisor/src/guest.rs",
                "+++ /dev/null",
                "may only change files",
            ),
        ] {
            let error = elsewhere(from, to).unwrap_err();
            assert!(error.contains(why), "{to}: {error}");
        }
        assert!(applied("no patch at all\n", "").is_err());
    }
}
