//! Deals cases out to several computers, so that each case is in exactly one part.

use super::plan::Case;
use super::results::Shard;
use std::fmt;
use std::str::FromStr;

/// The cases of a part, sorted by name.
///
/// The parts depend on the cases' names alone, so that every computer has the same ones. They differ by at most one case,
/// and by at most one case of each architecture.
pub fn part(mut cases: Vec<Case>, shard: Shard) -> Vec<Case> {
    cases.sort_by(|a, b| (a.arch, &a.name).cmp(&(b.arch, &b.name)));
    let (k, n) = (shard.k as usize, shard.n as usize);
    let dealt = cases.into_iter().enumerate();
    let mut own: Vec<_> = dealt
        .filter(|(nth, _)| nth % n + 1 == k)
        .map(|(_, case)| case)
        .collect();
    own.sort_by(|a, b| a.name.cmp(&b.name));
    own
}

impl FromStr for Shard {
    type Err = String;

    /// Reads `K/N`, such as `2/3`.
    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/');
        let numbers = numbers.and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((k, n)) if 1 <= k && k <= n => Ok(Self { k, n }),
            Some((k, n)) => Err(format!(
                "there is no part {k} of {n}: the first of three is 1/3, the last 3/3"
            )),
            None => Err("a part is K/N, such as 2/3 for the second of three".into()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.k, self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::plan::testing::case;
    use proptest::prelude::*;

    #[test]
    fn parts_are_written_with_a_stroke() {
        assert_eq!("2/3".parse(), Ok(Shard { k: 2, n: 3 }));
        for text in [
            "0/3",
            "4/3",
            "1/0",
            "",
            "1",
            "-1/2",
            "1/2/3",
            "a/b",
            "99999999999/1",
        ] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }

    fn cases() -> impl Strategy<Value = Vec<Case>> {
        let machines = prop::sample::subsequence(
            vec!["riscv64", "aarch64", "x86_64", "x86_64-seabios"],
            1..=4,
        );
        prop::collection::btree_map("[a-z]{1,3}", machines, 1..40).prop_map(|scenarios| {
            let pairs = scenarios.iter().flat_map(|(scenario, machines)| {
                machines.iter().map(move |machine| case(scenario, machine))
            });
            pairs.collect()
        })
    }

    proptest! {
        #[test]
        fn each_case_is_in_exactly_one_part_and_the_parts_are_alike(all in cases(), n in 1u32..8) {
            let parts: Vec<_> = (1..=n).map(|k| part(all.clone(), Shard { k, n })).collect();
            let names = |cases: &[Case]| cases.iter().map(|case| case.name.clone()).collect::<Vec<_>>();
            let mut together: Vec<_> = parts.iter().flat_map(|part| names(part)).collect();
            together.sort();
            let mut expected = names(&all);
            expected.sort();
            prop_assert_eq!(together, expected);
            let alike = |counts: Vec<usize>| counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1;
            prop_assert!(alike(parts.iter().map(Vec::len).collect()));
            for arch in crate::arch::Arch::ALL {
                let of_arch = |part: &Vec<Case>| part.iter().filter(|case| case.arch == arch).count();
                prop_assert!(alike(parts.iter().map(of_arch).collect()));
            }
            // Whatever the order in which they were found.
            let mut shuffled = all;
            shuffled.reverse();
            prop_assert_eq!(names(&part(shuffled, Shard { k: 1, n })), names(&parts[0]));
        }
    }
}
