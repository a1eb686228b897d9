//! "Did you mean ...?": finds the name that the user probably meant.

use std::path::Path;

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

/// Those of `names` that are similar to `wanted`, the most similar first, at most so many.
pub fn neighbours<'n>(wanted: &str, names: &'n [impl AsRef<str>], at_most: usize) -> Vec<&'n str> {
    let like = |name: &'n str| (strsim::jaro_winkler(wanted, name), name);
    let all = names.iter().map(|name| like(name.as_ref()));
    let mut near: Vec<_> = all.filter(|(likeness, _)| *likeness >= LIKE).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.truncate(at_most);
    near.into_iter().map(|(_, name)| name).collect()
}

/// `did you mean ./NAME.toml?`, where a file of that name lies in the current folder: a word without a `/` and
/// without an ending is a name, and not a file.
pub fn beside(name: &str) -> Option<String> {
    let file = format!("{name}.toml");
    let is_plain = !name.is_empty() && !name.contains('/');
    (is_plain && Path::new(&file).is_file()).then(|| format!("did you mean ./{file}?"))
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
        let near = ["gkernel", "gkernel-el0"];
        assert_eq!(neighbours("gkernle", &names, 5), near);
        assert_eq!(neighbours("gkernle", &names, 1), near[..1]);
        assert_eq!(
            instead("twovms", &names),
            "did you mean `two-vms`? there are: gkernel, gkernel-el0, two-vms"
        );
        assert_eq!(instead("x", &[] as &[&str]), "there are: none");
    }
}
