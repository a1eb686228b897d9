//! From what machine files say to a machine: what is lacking, all at once, and what nothing would fill.

use super::{
    Argument, Flash, FlashContent, FlashSize, Layer, Machine, Origin, PLACEHOLDERS, Qemu,
    TRACE_LOG, Witness, Written,
};
use crate::config::accel;
use crate::config::template::{self, Values};
use crate::error::{ConfigError, Excerpt};
use std::path::PathBuf;

/// A key that is lacking, and what to type.
type Lacking = (&'static str, &'static str);

/// The machine that the files describe.
pub fn machine(name: String, layer: Layer, origins: Vec<Origin>) -> Result<Machine, ConfigError> {
    let lacking = lacking(&layer);
    let (Some(arch), Some((program, program_at)), Some((mut words, machine_at))) =
        (layer.arch, layer.program, layer.machine)
    else {
        return Err(incomplete(&origins, &lacking, &layer.lacking));
    };
    if !lacking.is_empty() || !layer.lacking.is_empty() {
        return Err(incomplete(&origins, &lacking, &layer.lacking));
    }
    let firmware = layer.firmware.unwrap_or_default();
    let mut known = PLACEHOLDERS.to_vec();
    // What there is nothing for. A disk may also be the scenario's.
    known.retain(|name| match *name {
        "pflash" => layer.flash_size.is_some(),
        "firmware" => !firmware.is_empty(),
        _ => true,
    });
    if matches!(layer.flash_size, Some(FlashSize::WithFirmware(_))) && firmware.is_empty() {
        let message = "[flash] size-with-firmware needs [firmware] candidates";
        return Err(of_the_file(&origins, message.into()));
    }
    words.extend(layer.extra);
    refuse_accelerators(&words)?;
    let args = arguments(words, &known)?;
    let mut in_witness = known;
    in_witness.push(TRACE_LOG);
    let witness_args = arguments(layer.witness_args.unwrap_or_default(), &in_witness)?;
    let mut values = layer.values;
    values.insert("arch".into(), arch.to_string());
    Ok(Machine {
        name,
        origins,
        arch,
        kernel_format: layer.kernel_format.unwrap_or_default(),
        qemu: Qemu {
            program,
            oldest: layer.oldest.unwrap_or_default(),
            machine: args,
            accel: layer.accel,
        },
        audit: layer.audit,
        disk: layer.disk,
        firmware,
        own_firmware: layer.own_firmware.unwrap_or_default(),
        firmware_lines: layer.firmware_lines,
        flash: layer.flash_size.map(|size| Flash {
            size,
            content: layer
                .flash_content
                .unwrap_or_else(|| FlashContent::Text(String::new())),
        }),
        witness: layer.witness_format.map(|format| Witness {
            args: witness_args,
            format,
        }),
        values,
        written: Written {
            program: program_at,
            machine: machine_at,
        },
    })
}

/// The keys that are required, and neither in the file nor in what it extends.
fn lacking(layer: &Layer) -> Vec<Lacking> {
    let required = [
        (
            layer.arch.is_none(),
            (
                "arch",
                "arch = \"riscv64\", or aarch64, or x86_64; above the tables",
            ),
        ),
        (
            layer.program.is_none(),
            ("[qemu] program", "program = \"qemu-system-riscv64\""),
        ),
        (
            layer.machine.is_none(),
            (
                "[qemu] machine",
                "machine = [\"-nodefaults\", \"-display\", \"none\", \"-machine\", \"virt\", \
                 \"-kernel\", \"{kernel}\"]",
            ),
        ),
        (
            layer.has_flash && layer.flash_size.is_none(),
            (
                "[flash] size",
                "size = \"32M\", or size-with-firmware = \"4M\"",
            ),
        ),
        (
            layer.has_witness && layer.witness_format.is_none(),
            (
                "[witness] format",
                "format = \"riscv-trap\", or aarch64-int, or x86-svm, or x86-svm-int",
            ),
        ),
        (
            layer.has_witness && layer.witness_args.is_none(),
            (
                "[witness] args",
                "args = [\"-trace\", \"riscv_trap\", \"-D\", \"{trace_log}\"]",
            ),
        ),
    ];
    let lacks = required.into_iter().filter(|(lacks, _)| *lacks);
    lacks.map(|(_, key)| key).collect()
}

/// That keys are lacking: of the machine as a whole, and of `parts` of it.
fn incomplete(origins: &[Origin], lacking: &[Lacking], parts: &[String]) -> ConfigError {
    let count = lacking.len() + parts.len();
    let keys = if count == 1 { "a key" } else { "keys" };
    let mut message = format!("lacks {keys}");
    if !lacking.is_empty() {
        message += "; to type is, say";
    }
    message += ":";
    for (key, what) in lacking {
        message += &format!("\n  {key}: {what}");
    }
    for part in parts {
        message += &format!("\n  {part}");
    }
    if origins.len() == 1 && !lacking.is_empty() {
        message += "\n  or extends = \"NAME|FILE\", above the tables, to take over what another machine has";
    }
    of_the_file(origins, message)
}

fn of_the_file(origins: &[Origin], message: String) -> ConfigError {
    let file = match origins.first() {
        Some(Origin::File(path)) => path.clone(),
        Some(built_in) => built_in.to_string().into(),
        None => PathBuf::new(),
    };
    ConfigError {
        file,
        line: 0,
        key: None,
        message,
        excerpt: Excerpt::default(),
    }
}

/// Checks that QEMU's arguments name no accelerator but TCG: of another one the harness has to know beforehand what
/// it costs a run, and QEMU takes a list of them for leave to choose.
fn refuse_accelerators(words: &[Argument]) -> Result<(), ConfigError> {
    let texts: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
    let mut others = accel::named_in(&texts).into_iter();
    let Some((at, name)) = others.find(|(_, name)| *name != "tcg") else {
        return Ok(());
    };
    let word = words
        .get(at)
        .or(words.last())
        .expect("one of them names it");
    let message = format!(
        "names the accelerator `{name}`: leave it out, and say accel = \"kvm\" (or \"auto\") in [qemu]"
    );
    Err(word.error(message))
}

/// Checks that every placeholder of an argument list is one that the harness fills.
fn arguments(words: Vec<Argument>, known: &[&str]) -> Result<Vec<String>, ConfigError> {
    let values: Values = known
        .iter()
        .map(|name| ((*name).to_owned(), String::new()))
        .collect();
    let checked = |word: Argument| match template::fill_argument(&word.text, &values) {
        Ok(_) => Ok(word.text),
        Err(name) => {
            let known: Vec<_> = values.keys().map(|name| format!("{{{name}}}")).collect();
            let known = known.join(", ");
            Err(word.error(format!("no placeholder {{{name}}} here; there are {known}")))
        }
    };
    words.into_iter().map(checked).collect()
}
