//! `{name}` placeholders in machine and scenario files.

use std::collections::BTreeMap;

/// Values for placeholders.
pub type Values = BTreeMap<String, String>;

/// Replaces every `{name}` in a text by its value, passed through `quote`.
///
/// A name starts with a lower-case letter and goes on with those, digits and `_`; any other braces,
/// such as a regular expression's `{2}` or `\p{alpha}`, stay. The error is the unknown name.
pub fn fill(text: &str, values: &Values, quote: impl Fn(&str) -> String) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        out += before;
        let is_class = before.ends_with("\\p") || before.ends_with("\\P");
        match name_in_braces(from).filter(|_| !is_class) {
            Some(name) => {
                let value = values.get(name).ok_or_else(|| name.to_owned())?;
                out += &quote(value);
                rest = &from[name.len() + 2..];
            }
            None => {
                out.push('{');
                rest = &from[1..];
            }
        }
    }
    Ok(out + rest)
}

/// The name of the placeholder that a text begins with. Reads no further than the name goes.
fn name_in_braces(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('{')?;
    let in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let end = inside.find(|c| !in_name(c))?;
    let is_name = inside.starts_with(|c: char| c.is_ascii_lowercase());
    (is_name && inside[end..].starts_with('}')).then_some(&inside[..end])
}

/// Fills one QEMU argument. Inside a `key=value,…` list QEMU wants commas in a value doubled; an
/// argument that is nothing but a placeholder is taken as it is.
pub fn fill_argument(argument: &str, values: &Values) -> Result<String, String> {
    let alone = name_in_braces(argument).is_some_and(|name| name.len() + 2 == argument.len());
    fill(argument, values, |value| {
        if alone {
            value.to_owned()
        } else {
            value.replace(',', ",,")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        [("pflash", "0x22000000"), ("disk", "/a,b/disk.img")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into()
    }

    #[test]
    fn names_are_replaced_and_other_braces_stay() {
        let text = r"at {pflash}: \d{2} \p{alpha} {} { {Pflash} {";
        let filled = fill(text, &values(), str::to_owned).unwrap();
        assert_eq!(filled, r"at 0x22000000: \d{2} \p{alpha} {} { {Pflash} {");
    }

    /// As large as a scenario may be; if each brace looked for its end in all that follows, this would
    /// take hours.
    #[test]
    fn braces_that_nobody_closes_take_no_longer_than_others() {
        for text in ["{", "{a", "{pflash", "{1}"] {
            let text = text.repeat((16 << 20) / text.len());
            assert_eq!(fill(&text, &values(), str::to_owned).unwrap(), text);
        }
    }

    #[test]
    fn an_unknown_name_is_the_error() {
        assert_eq!(
            fill("{flash}", &values(), str::to_owned),
            Err("flash".into())
        );
    }

    #[test]
    fn commas_are_doubled_only_inside_a_list() {
        assert_eq!(fill_argument("{disk}", &values()).unwrap(), "/a,b/disk.img");
        assert_eq!(
            fill_argument("file={disk},if=none", &values()).unwrap(),
            "file=/a,,b/disk.img,if=none"
        );
    }
}
