//! `[audit]`: what the machine may hold while a guest runs, and when that is looked at. It stands in a
//! machine's file, in a scenario's, or in a file with a table for each architecture (`audit-from`); each
//! says what is different from the one before.

use super::source::{Source, parse_duration, parse_size};
use super::template::{self, Values};
use crate::arch::Arch;
use crate::error::ConfigError;
use crate::judge::audit::{
    Access, Behind, Expected, Isa, OpenMsrs, RegisterRule, Span, Window, bit_of, bits_of,
};
use crate::judge::hvlog::number;
use crate::suggest;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

/// How often a machine is looked at at most.
const OFTENEST: Duration = Duration::from_millis(5);

/// How `[audit]` is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Raw {
    off: Option<Spanned<String>>,
    entry: Option<Spanned<Vec<String>>>,
    release: Option<Spanned<Vec<String>>>,
    every: Option<Spanned<String>>,
    guest_at: Option<Spanned<String>>,
    texts: Option<Spanned<bool>>,
    #[serde(default, rename = "window")]
    windows: Vec<Spanned<RawWindow>>,
    #[serde(default)]
    registers: BTreeMap<Spanned<String>, Spanned<RawRegister>>,
    ports: Option<Vec<Spanned<String>>>,
    msrs: Option<Vec<Spanned<String>>>,
}

/// `[[audit.window]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawWindow {
    name: Option<Spanned<String>>,
    gpa: Option<Spanned<String>>,
    size: Option<Spanned<String>>,
    access: Option<Spanned<String>>,
    hpa: Option<Spanned<String>>,
}

/// `hedeleg = "0xb1ff"`, or `hstatus = { set = ["VTW"], clear = ["HU"] }`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RawRegister {
    Value(String),
    Bits(RawBits),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBits {
    #[serde(default)]
    set: Vec<String>,
    #[serde(default)]
    clear: Vec<String>,
}

/// What one `[audit]` says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layer {
    off: Option<Option<String>>,
    entry: Option<Vec<String>>,
    release: Option<Vec<String>>,
    every: Option<Duration>,
    guest_at: Option<u64>,
    texts: Option<bool>,
    windows: Vec<Window>,
    registers: BTreeMap<String, RegisterRule>,
    ports: Option<Vec<Span>>,
    msrs: Option<Vec<OpenMsrs>>,
}

/// What a run's audit is.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// What the machine may hold.
    pub expected: Expected,
    /// The symbols of the instructions by which the hypervisor enters a guest.
    pub entry: Vec<String>,
    /// The symbols at which a guest's memory is about to be given back.
    pub release: Vec<String>,
    /// How often the machine is looked at besides.
    pub every: Option<Duration>,
    /// The guest-physical address at which the guest's image begins, if its text is to be compared.
    pub guest_at: Option<u64>,
    /// Whether the hypervisor's text is to be compared.
    pub texts: bool,
}

/// Reads values in the context of a file.
struct Reader<'a> {
    source: &'a Source,
    values: &'a Values,
}

impl Raw {
    /// What it says. `{name}` in a value stands for one of `values`.
    pub fn layer(self, source: &Source, values: &Values) -> Result<Layer, ConfigError> {
        let reader = Reader { source, values };
        let address = |key, raw: Option<Spanned<String>>| {
            raw.map(|raw| reader.address(key, &raw)).transpose()
        };
        let mut layer = Layer {
            entry: reader.symbols("entry", self.entry)?,
            release: reader.symbols("release", self.release)?,
            guest_at: address("guest-at", self.guest_at)?,
            texts: self.texts.map(Spanned::into_inner),
            ..Layer::default()
        };
        if let Some(off) = self.off {
            let why = off.get_ref().trim();
            layer.off = Some((!why.is_empty()).then(|| why.to_owned()));
        }
        if let Some(every) = self.every {
            let bad = |message: String| source.bad_value("every", &every, message);
            let span = parse_duration(every.get_ref()).map_err(bad)?;
            if span < OFTENEST {
                return Err(bad(format!("is less than {} ms", OFTENEST.as_millis())));
            }
            layer.every = Some(span);
        }
        for window in self.windows {
            layer.windows.push(reader.window(window)?);
        }
        for (name, rule) in self.registers {
            let (name, rule) = reader.register(name, rule)?;
            layer.registers.insert(name, rule);
        }
        if let Some(ports) = self.ports {
            let ports = ports.iter().map(|ports| reader.span("ports", ports));
            layer.ports = Some(ports.collect::<Result<_, _>>()?);
        }
        if let Some(msrs) = self.msrs {
            let msrs = msrs.iter().map(|msrs| reader.msrs(msrs));
            layer.msrs = Some(msrs.collect::<Result<_, _>>()?);
        }
        Ok(layer)
    }
}

impl Reader<'_> {
    fn filled(&self, key: &str, raw: &Spanned<String>) -> Result<String, ConfigError> {
        template::fill(raw.get_ref(), self.values, str::to_owned).map_err(|name| {
            let message = format!("{{{name}}} has no value");
            self.source.bad_value(key, raw, message)
        })
    }

    fn address(&self, key: &str, raw: &Spanned<String>) -> Result<u64, ConfigError> {
        let text = self.filled(key, raw)?;
        number(&text.to_lowercase()).ok_or_else(|| {
            let message = format!("`{text}` is not an address such as 0x80000000");
            self.source.bad_value(key, raw, message)
        })
    }

    fn symbols(
        &self,
        key: &str,
        raw: Option<Spanned<Vec<String>>>,
    ) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(raw) = raw else { return Ok(None) };
        if raw.get_ref().iter().any(|name| name.trim().is_empty()) {
            return Err(self
                .source
                .bad_value(key, &raw, "has a symbol without a name"));
        }
        Ok(Some(raw.into_inner()))
    }

    fn window(&self, raw: Spanned<RawWindow>) -> Result<Window, ConfigError> {
        let at = raw.span();
        let RawWindow {
            name,
            gpa,
            size,
            access,
            hpa,
        } = raw.into_inner();
        let (Some(name), Some(gpa), Some(size), Some(access)) = (name, gpa, size, access) else {
            let message = "an [[audit.window]] has a name, a gpa, a size and an access, and an hpa if \
                           it is no RAM";
            return Err(self.source.error(at, None, message));
        };
        let start = self.address("gpa", &gpa)?;
        let bad_size = |message: String| self.source.bad_value("size", &size, message);
        let bytes = parse_size(&self.filled("size", &size)?).map_err(bad_size)?;
        if start.checked_add(bytes).is_none() {
            return Err(bad_size("goes beyond the last address".into()));
        }
        let may = Access::try_from(access.get_ref().clone());
        let access = may.map_err(|error| self.source.bad_value("access", &access, error))?;
        let hpa = hpa.map(|hpa| self.address("hpa", &hpa)).transpose()?;
        Ok(Window {
            name: name.into_inner(),
            guest: Span { start, size: bytes },
            access,
            behind: hpa.map_or(Behind::Private, |hpa| Behind::At { hpa }),
        })
    }

    fn register(
        &self,
        name: Spanned<String>,
        raw: Spanned<RawRegister>,
    ) -> Result<(String, RegisterRule), ConfigError> {
        let key = name.get_ref().clone();
        let bad = |message: String| self.source.bad_value(&key, &raw, message);
        let (set, clear) = match raw.get_ref() {
            RawRegister::Value(text) => {
                let value = number(&text.to_lowercase());
                let value = value.ok_or_else(|| bad(format!("`{text}` is not a number")))?;
                let rule = RegisterRule {
                    is: Some(value),
                    ..RegisterRule::default()
                };
                return Ok((key, rule));
            }
            RawRegister::Bits(bits) => (bits.set.clone(), bits.clear.clone()),
        };
        let others = BTreeMap::new();
        for bit in set.iter().chain(&clear) {
            if bit_of(&key, bit, &others).is_none() {
                let known = bits_of(&key, &others);
                let known: Vec<_> = known.iter().map(|(_, name)| name.to_string()).collect();
                let instead = suggest::instead(bit, &known);
                return Err(bad(format!("{key} has no bit `{bit}`; {instead}")));
            }
        }
        let rule = RegisterRule {
            is: None,
            set,
            clear,
        };
        Ok((key, rule))
    }

    /// `0x60`, or `0x60..=0x64`.
    fn span(&self, key: &str, raw: &Spanned<String>) -> Result<Span, ConfigError> {
        let text = self.filled(key, raw)?;
        self.span_of(&text).ok_or_else(|| {
            let message = format!("`{text}` is neither a number nor a range such as 0x60..=0x64");
            self.source.bad_value(key, raw, message)
        })
    }

    fn span_of(&self, text: &str) -> Option<Span> {
        let (first, last) = text.split_once("..=").unwrap_or((text, text));
        let number = |text: &str| number(&text.trim().to_lowercase());
        let (start, last) = (number(first)?, number(last)?);
        let size = last.checked_sub(start)?.checked_add(1)?;
        Some(Span { start, size })
    }

    /// `0xc0000100..=0xc0000102 rw`.
    fn msrs(&self, raw: &Spanned<String>) -> Result<OpenMsrs, ConfigError> {
        let text = self.filled("msrs", raw)?;
        let parsed = text.rsplit_once(' ').and_then(|(span, access)| {
            let access = Access::try_from(access.to_owned()).ok()?;
            let span = self.span_of(span)?;
            Some(OpenMsrs { span, access })
        });
        parsed.ok_or_else(|| {
            let message = format!("`{text}` is not like `0xc0000100..=0xc0000102 rw`");
            self.source.bad_value("msrs", raw, message)
        })
    }
}

impl Layer {
    /// This over what holds without it: windows and registers by their names.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        let mut windows = base.windows;
        for window in self.windows {
            match windows.iter_mut().find(|other| other.name == window.name) {
                Some(other) => *other = window,
                None => windows.push(window),
            }
        }
        let mut registers = base.registers;
        registers.extend(self.registers);
        Self {
            off: self.off.or(base.off),
            entry: self.entry.or(base.entry),
            release: self.release.or(base.release),
            every: self.every.or(base.every),
            guest_at: self.guest_at.or(base.guest_at),
            texts: self.texts.or(base.texts),
            windows,
            registers,
            ports: self.ports.or(base.ports),
            msrs: self.msrs.or(base.msrs),
        }
    }

    /// Why there is to be no audit, if it says so.
    pub fn is_off(&self) -> Option<&str> {
        self.off.as_ref()?.as_deref()
    }

    /// The guest-physical address at which the guest's image begins, if that is said.
    pub fn guest_at(&self) -> Option<u64> {
        self.guest_at
    }

    /// The windows that a guest may have memory at.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// The audit of a run on an architecture.
    pub fn audit(self, arch: Arch) -> Audit {
        Audit {
            expected: Expected {
                isa: match arch {
                    Arch::Riscv64 => Isa::Riscv64,
                    Arch::Aarch64 => Isa::Aarch64,
                    Arch::X86_64 => Isa::X86_64,
                },
                windows: self.windows,
                registers: self.registers,
                ports: self.ports.unwrap_or_default(),
                msrs: self.msrs.unwrap_or_default(),
                symbols: Vec::new(),
                texts: Vec::new(),
            },
            entry: self.entry.unwrap_or_default(),
            release: self.release.unwrap_or_default(),
            every: self.every,
            guest_at: self.guest_at,
            texts: self.texts.unwrap_or(false),
        }
    }
}
