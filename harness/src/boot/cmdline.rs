//! The words that a hypervisor finds on its disk, in `/boot/cmdline`: `key=value`, with spaces between.

use crate::config::is_word;
use crate::config::scenario::{GuestSource, Scenario};
use crate::error::Error;

/// How much of the file the hypervisor reads.
const LIMIT: usize = 4096;

/// Returns the words of a run. A value that is not one plain word is an error.
pub fn cmdline(nonce: &str, guest: Option<&str>, scenario: &Scenario) -> Result<String, Error> {
    let second = scenario.second.as_ref().map(GuestSource::name);
    let known = [
        ("nonce", Some(nonce)),
        ("guest", guest),
        ("then", second.as_deref()),
        ("mode", scenario.mode.as_deref()),
    ];
    let known = known
        .iter()
        .filter_map(|(key, value)| Some((*key, (*value)?)));
    let params = scenario.params.iter();
    let params = params.map(|(key, value)| (key.as_str(), value.as_str()));
    let mut words = Vec::new();
    for (key, value) in known.chain(params) {
        if !is_word(value) {
            return Err(Error::Usage(format!(
                "scenario {}: `{value}` cannot be the value of `{key}` for the hypervisor: it has \
                 to be letters, digits, `-`, `_` and `.`",
                scenario.name
            )));
        }
        words.push(format!("{key}={value}"));
    }
    let words = words.join(" ");
    if words.len() > LIMIT {
        return Err(Error::Usage(format!(
            "scenario {}: the words for the hypervisor are longer than {LIMIT} bytes",
            scenario.name
        )));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;
    use crate::config::machine::Machine;
    use crate::config::scenario::With;
    use crate::project::Project;
    use std::path::Path;

    fn scenario() -> Scenario {
        let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        let machine = Machine::load(&project, Arch::Riscv64).unwrap();
        let text = "arches = ['riscv64']\nend = 'shutdown'\nguest = 'two-vms-first'\n\
                    then = 'two-vms'\nparams.arg = '0x10'\n[[step]]\nname = 'a'\npattern = 'a'\n";
        let scenario = Scenario::from_text("x", text);
        scenario
            .resolve(&project, &machine, &With::default())
            .unwrap()
    }

    #[test]
    fn every_value_is_one_word() {
        let good = cmdline("abc", Some("gkernel"), &scenario()).unwrap();
        assert_eq!(good, "nonce=abc guest=gkernel then=two-vms arg=0x10");
        for bad in [
            "1 guest=foo",
            "",
            "a\nb",
            "a=b",
            ".hidden",
            "\u{e9}",
            "/sbin/x",
        ] {
            assert!(cmdline(bad, None, &scenario()).is_err(), "nonce {bad:?}");
            assert!(
                cmdline("abc", Some(bad), &scenario()).is_err(),
                "guest {bad:?}"
            );
            let mut mode = scenario();
            mode.mode = Some(bad.into());
            assert!(cmdline("abc", None, &mode).is_err(), "mode {bad:?}");
            let mut params = scenario();
            params.params = vec![("arg".into(), bad.into())];
            assert!(cmdline("abc", None, &params).is_err(), "arg {bad:?}");
        }
        assert!(cmdline("abc", Some(&"x".repeat(5000)), &scenario()).is_err());
    }
}
