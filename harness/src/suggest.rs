//! "Did you mean ...?": finds the name that the user probably meant.

/// How similar the two must be, from 0 to 1 (Jaro's measure, with Winkler's bonus for a common
/// beginning).
const LIKE: f64 = 0.8;

/// The one of `names` that is most similar to `wanted`, if any is similar enough.
pub fn nearest<'n>(wanted: &str, names: &'n [impl AsRef<str>]) -> Option<&'n str> {
    let like = |name: &'n str| (strsim::jaro_winkler(wanted, name), name);
    let names = names.iter().map(|name| like(name.as_ref()));
    names
        .filter(|(likeness, _)| *likeness >= LIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// The end of a message about an unknown name: `did you mean ...? there are: ...`.
pub fn instead(wanted: &str, names: &[impl AsRef<str>]) -> String {
    let all: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    let all = if all.is_empty() {
        "none".to_owned()
    } else {
        all.join(", ")
    };
    match nearest(wanted, names) {
        Some(name) => format!("did you mean `{name}`? there are: {all}"),
        None => format!("there are: {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_it_is_suggested_and_nothing_else() {
        let names = ["gkernel", "gkernel-el0", "two-vms"];
        assert_eq!(nearest("gkernle", &names), Some("gkernel"));
        assert_eq!(nearest("two-vm", &names), Some("two-vms"));
        assert_eq!(nearest("nonsense", &names), None);
        assert_eq!(nearest("", &names), None);
        assert_eq!(
            instead("twovms", &names),
            "did you mean `two-vms`? there are: gkernel, gkernel-el0, two-vms"
        );
        assert_eq!(instead("x", &[] as &[&str]), "there are: none");
    }
}
