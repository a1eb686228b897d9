//! Reads what was measured, strictly: a line that begins as such a line and is none is an error, as what comes of it
//! would be wrong figures.

/// How such a line begins.
const BEGINNING: &str = "BENCH ";

/// One that says nothing but that the guest has waited.
const WAITED: &str = "BENCH idle ";

/// A line: what was measured, by name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub name: String,
    pub measured: Measured,
}

/// What a line says. None of the numbers is 0, but for those of being late.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Measured {
    /// So many traps without work of the hypervisor's took so many ticks.
    Floor { count: u64, ticks: u64, second: u64 },
    /// So many exits took so many ticks.
    Exit { count: u64, ticks: u64, second: u64 },
    /// Of so many deadlines, by how many ticks was the interrupt late?
    Late {
        count: u64,
        median: u64,
        most: u64,
        second: u64,
    },
}

impl Measured {
    /// How long one takes, or, in the median, how late one is, in nanoseconds.
    pub fn nanos(&self) -> f64 {
        match *self {
            Self::Floor {
                count,
                ticks,
                second,
            }
            | Self::Exit {
                count,
                ticks,
                second,
            } => nanos(ticks, second) / count as f64,
            Self::Late { median, second, .. } => nanos(median, second),
        }
    }

    /// How late the latest is, in nanoseconds; 0 for what is not late.
    pub fn most_nanos(&self) -> f64 {
        match *self {
            Self::Late { most, second, .. } => nanos(most, second),
            _ => 0.0,
        }
    }
}

fn nanos(ticks: u64, second: u64) -> f64 {
    ticks as f64 * 1e9 / second as f64
}

impl Line {
    /// What is measured, without how it came out.
    pub fn key(&self) -> (&str, std::mem::Discriminant<Measured>) {
        (&self.name, std::mem::discriminant(&self.measured))
    }

    /// Reads one of these lines, without its beginning.
    fn parse(words: &str) -> Option<Self> {
        let mut words = words.split(' ');
        let (kind, name) = (words.next()?, words.next()?);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(plain) {
            return None;
        }
        let numbers: Vec<u64> = words.map(number).collect::<Option<_>>()?;
        let measured = match (kind, &*numbers) {
            ("floor" | "exit", &[count, ticks, second]) if ticks > 0 => match kind {
                "floor" => Measured::Floor {
                    count,
                    ticks,
                    second,
                },
                _ => Measured::Exit {
                    count,
                    ticks,
                    second,
                },
            },
            ("late", &[count, median, most, second]) if median <= most => Measured::Late {
                count,
                median,
                most,
                second,
            },
            _ => return None,
        };
        // What is divided by.
        let (count, second) = (*numbers.first()?, *numbers.last()?);
        if count == 0 || second == 0 {
            return None;
        }
        let name = name.to_owned();
        Some(Self { name, measured })
    }
}

/// Digits alone.
fn number(word: &str) -> Option<u64> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|_| digits)
}

/// All that a console says was measured, in order. The error names the line that says nothing.
pub(super) fn parse(console: &str) -> Result<Vec<Line>, String> {
    let lines = console.lines().filter(|line| !line.starts_with(WAITED));
    let lines = lines.filter_map(|line| Some((line, line.strip_prefix(BEGINNING)?)));
    let lines = lines.map(|(line, words)| {
        Line::parse(words).ok_or_else(|| format!("`{}` is no measurement", line.escape_debug()))
    });
    lines.collect()
}

/// What `/proc/self/stat` says of children that have ended: their time in user mode and in the kernel, in ticks of the
/// clock. The name of the program, in front of them, may hold anything.
pub(super) fn ticks_of_children(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    // The first field behind the name is the third; these are the 16th and the 17th.
    let mut times = fields.split_whitespace().skip(13);
    let (user, kernel): (u64, u64) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    user.checked_add(kernel)
}
