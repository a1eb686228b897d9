mod page;

use super::*;
use std::fs;

fn workspace() -> Project {
    Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
}

/// A folder with machine files, each with its text.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let file = folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

/// The machine of a file in a folder, which is a workspace if it has a `configs/machines`.
fn machine_in(folder: &tempfile::TempDir, file: &str) -> Result<Machine, String> {
    let file = folder.path().join(file);
    Machine::named(&Project::new(folder.path()), file.as_os_str()).map_err(|e| e.to_string())
}

/// One of the shipped machine files with a change to it.
fn changed(name: &str, from: &str, to: &str) -> Result<Machine, String> {
    let file = workspace().at(format!("configs/machines/{name}.toml"));
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from:?} is not in the file");
    let text = text.replacen(from, to, 1);
    Machine::from_text(&workspace(), Path::new("m.toml"), text).map_err(|e| e.to_string())
}

#[test]
fn a_program_is_found_from_any_folder() {
    let root = tempfile::tempdir().unwrap();
    let found = |name, path: &str| program(name, root.path(), Some(path.into()));
    assert_eq!(found("qemu", "/usr/bin"), Path::new("qemu"));
    assert_eq!(found("./qemu", "/usr/bin"), root.path().join("./qemu"));
    assert_eq!(found("/opt/qemu", ""), Path::new("/opt/qemu"));
    let here = std::env::current_dir().unwrap();
    assert_eq!(found("Cargo.toml", "/usr/bin:."), here.join("./Cargo.toml"));
    assert_eq!(program("qemu", root.path(), None), Path::new("qemu"));
}

#[test]
fn own_firmware_comes_first_and_is_for_the_own_hypervisor_only() {
    let machine = changed("x86_64", "", "").unwrap();
    assert_eq!(machine.firmware_for(true), ["qboot.rom", "bios-256k.bin"]);
    assert_eq!(machine.firmware_for(false), ["bios-256k.bin"]);
    let seabios = Machine::named(&workspace(), OsStr::new("x86_64-seabios")).unwrap();
    assert_eq!(seabios.firmware_for(true), ["bios-256k.bin"]);
}

#[test]
fn a_placeholder_that_nothing_would_fill_is_refused() {
    let without_flash = "[flash]\nsize-with-firmware = \"4M\"\ntext = \"pfld\"\n";
    for (from, to, name) in [
        ("-m\", \"128M\"", "-m\", \"{memory}\"", "memory"),
        (without_flash, "", "pflash"),
        ("-m\", \"128M\"", "-D\", \"{trace_log}\"", "trace_log"),
    ] {
        let error = changed("x86_64", from, to).unwrap_err();
        assert!(
            error.contains(&format!("no placeholder {{{name}}} here")),
            "{error}"
        );
        assert!(error.contains("m.toml:"), "{error}");
    }
    let error = changed("x86_64", "candidates     = [\"bios-256k.bin\"]\n", "").unwrap_err();
    assert!(
        error.contains("size-with-firmware needs [firmware] candidates"),
        "{error}"
    );
}

#[test]
fn the_accelerator_is_a_key_and_no_argument() {
    let machine = |text: &str| {
        let text = format!("extends = 'riscv64'\n[qemu]\n{text}\n");
        Machine::from_text(&workspace(), Path::new("m.toml"), text)
    };
    assert_eq!(machine("").unwrap().qemu.accel, None);
    assert_eq!(
        machine("accel = 'auto'").unwrap().qemu.accel,
        Some(Accel::Auto)
    );
    assert!(machine("extra = ['-accel', 'tcg,thread=single']").is_ok());
    for (text, said) in [
        (
            "accel = 'kvmm'",
            "m.toml:3: key `accel`: no accelerator `kvmm`; did you mean `kvm`?",
        ),
        (
            "extra = ['-enable-kvm']",
            "m.toml:3: key `extra`: names the accelerator `kvm`: leave it out",
        ),
        (
            "extra = ['-accel', 'hvf']",
            "m.toml:3: key `extra`: names the accelerator `hvf`",
        ),
        (
            "extra = ['-M', 'virt,accel=tcg:kvm']",
            "names the accelerator `kvm`",
        ),
        ("extra = ['-accel']", "names the accelerator ``"),
    ] {
        let error = machine(text).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn what_the_logs_arguments_refer_to_is_used_too() {
    let text = "extends = 'riscv64'\n[qemu]\nmachine = ['-kernel', '{kernel}']\n\
                [witness]\nargs = ['-D', '{trace_log}', '-drive', 'file={disk}']\n";
    let machine = machine_in(&folder(&[("m.toml", text)]), "m.toml").unwrap();
    assert!(machine.uses("disk") && machine.uses("kernel"));
    assert!(!machine.uses("pflash"));
}

#[test]
fn what_a_file_says_goes_over_what_it_extends_and_extra_is_added() {
    let base = "arch = 'riscv64'\nkernel-format = 'elf'\n\
                [qemu]\nprogram = 'base'\noldest = '7.2'\nmachine = ['-a', '-b']\nextra = ['-c']\n\
                [disk]\nsize = '40M'\npflash-on-disk = true\n\
                [flash]\nsize = '32M'\ntext = 'base'\n\
                [witness]\nformat = 'riscv-trap'\nargs = ['-D', '{trace_log}']\n\
                [values]\none = '1'\ntwo = '2'\n";
    let middle = "extends = 'base.toml'\n[qemu]\nprogram = 'middle'\nextra = ['-d']\n\
                  [flash]\nsize = '64M'\n[values]\ntwo = 'II'\n";
    let top = "extends = '../middle.toml'\nkernel-format = 'flat'\n\
               [qemu]\nmachine = ['-x']\nextra = ['-e']\n[disk]\nsize = '80M'\n";
    let files = [
        ("base.toml", base),
        ("middle.toml", middle),
        ("own/top.toml", top),
    ];
    let folder = folder(&files);
    let machine = machine_in(&folder, "own/top.toml").unwrap();
    assert_eq!(machine.name, "top");
    assert_eq!(machine.origins.len(), 3);
    assert_eq!(machine.kernel_format, KernelFormat::Flat);
    assert_eq!(machine.qemu.program, Path::new("middle"));
    assert_eq!(machine.qemu.oldest, (7, 2));
    assert_eq!(machine.qemu.machine, ["-x", "-c", "-d", "-e"]);
    let disk = machine.disk.unwrap();
    assert_eq!(
        (disk.size, disk.pflash_on_disk),
        (Some(80 << 20), Some(true))
    );
    let flash = machine.flash.unwrap();
    assert_eq!(flash.size, FlashSize::Fixed(64 << 20));
    assert_eq!(flash.content, FlashContent::Text("base".into()));
    assert_eq!(machine.witness.unwrap().args, ["-D", "{trace_log}"]);
    assert_eq!(
        (&*machine.values["one"], &*machine.values["two"]),
        ("1", "II")
    );
    assert_eq!(machine.values["arch"], "riscv64");
}

#[test]
fn a_circle_and_a_machine_that_is_not_there_are_refused_where_they_are_written() {
    let folder = folder(&[
        ("a.toml", "\nextends = 'b.toml'\n"),
        ("b.toml", "extends = './a.toml'\n"),
        ("c.toml", "extends = 'riscv46'\n"),
        ("d.toml", "extends = 'none.toml'\n"),
    ]);
    let error = machine_in(&folder, "a.toml").unwrap_err();
    assert!(
        error.contains("b.toml:1: key `extends`: goes in a circle: "),
        "{error}"
    );
    let error = machine_in(&folder, "c.toml").unwrap_err();
    assert!(
        error.contains("c.toml:1: key `extends`: there is no such machine"),
        "{error}"
    );
    assert!(error.contains("riscv64"), "{error}");
    let error = machine_in(&folder, "d.toml").unwrap_err();
    assert!(error.contains("d.toml:1: key `extends`: "), "{error}");
    assert!(error.contains("none.toml: cannot be read"), "{error}");
    let error = Machine::named(&Project::new(folder.path()), OsStr::new("riscv46")).unwrap_err();
    assert!(
        error.to_string().starts_with("no machine `riscv46`; "),
        "{error}"
    );
}

/// A workspace's own file may have the name of a built-in one, and change a part of it.
#[test]
fn a_file_may_have_the_name_of_the_built_in_machine_that_it_extends() {
    let text = "extends = 'riscv64'\n[qemu]\nextra = ['-smp', '2']\n";
    let folder = folder(&[("configs/machines/riscv64.toml", text)]);
    let machine = Machine::load(&Project::new(folder.path()), Arch::Riscv64).unwrap();
    assert!(machine.qemu.machine.ends_with(&["-smp".into(), "2".into()]));
    assert_eq!(machine.origins[1], Origin::BuiltIn("riscv64"));
    assert!(names(&Project::new(folder.path())).contains(&"aarch64-el1".to_owned()));
}

/// The folder that a program is started in is the machine's business only where it is the project's.
#[test]
fn a_projects_own_machines_are_found_from_any_folder() {
    let files = [("machines/mine.toml", "extends = 'aarch64-el1'\n")];
    let folder = folder(&files);
    let project = Project::new(folder.path());
    assert_eq!(project.machine_names(), ["mine"]);
    let machine = Machine::named(&project, OsStr::new("mine")).unwrap();
    let file = folder.path().join("machines/mine.toml");
    assert_eq!(machine.origin(), &Origin::File(file));
    assert!(names(&project).contains(&"mine".to_owned()));
}

#[test]
fn all_that_is_lacking_is_said_at_once_with_what_to_type() {
    let folder = folder(&[
        ("m.toml", "[flash]\ntext = 'x'\n[witness]\n"),
        (
            "only.toml",
            "extends = 'm.toml'\narch = 'x86_64'\n[qemu]\nprogram = 'q'\nmachine = []\n",
        ),
        ("base.toml", "arch = 'riscv64'\n[qemu]\nprogram = 'q'\n"),
        ("n.toml", "extends = 'base.toml'\n"),
        (
            "disk.toml",
            "extends = 'm.toml'\n[[disk.file]]\npath = '/a'\n[[disk.file]]\nas = 'flat'\n",
        ),
        (
            "files.toml",
            "extends = 'riscv64'\n[[disk.file]]\nfrom = 'a'\n",
        ),
    ]);
    let error = machine_in(&folder, "disk.toml").unwrap_err();
    for text in [
        "disk.toml: lacks keys; to type is, say:",
        "arch: arch = \"riscv64\"",
        "[flash] size: size = \"32M\"",
        "disk.toml:2: this [[disk.file]] has no `from`",
        "disk.toml:4: this [[disk.file]] has no `path`",
        "disk.toml:4: this [[disk.file]] has no `from`",
    ] {
        assert!(error.contains(text), "{text:?} is not in {error}");
    }
    let error = machine_in(&folder, "files.toml").unwrap_err();
    let said: Vec<_> = error.lines().collect();
    assert!(said[0].ends_with("files.toml: lacks a key:"), "{error}");
    assert!(
        said.len() == 2 && said[1].ends_with("files.toml:2: this [[disk.file]] has no `path`"),
        "{error}"
    );
    let error = machine_in(&folder, "m.toml").unwrap_err();
    for text in [
        "m.toml: lacks keys",
        "arch: arch = \"riscv64\"",
        "[qemu] program: program = \"qemu-system-riscv64\"",
        "[qemu] machine: machine = [",
        "[flash] size: size = \"32M\"",
        "[witness] format: format = \"riscv-trap\"",
        "[witness] args: args = [",
        "extends = \"NAME|FILE\"",
    ] {
        assert!(error.contains(text), "{text:?} is not in {error}");
    }
    let error = machine_in(&folder, "only.toml").unwrap_err();
    assert!(
        error.contains("[flash] size") && !error.contains("[qemu]"),
        "{error}"
    );
    let error = machine_in(&folder, "n.toml").unwrap_err();
    assert!(
        error.contains("n.toml: lacks a key") && error.contains("[qemu] machine"),
        "{error}"
    );
}

#[test]
fn what_is_built_in_now_is_refused_with_a_word_on_it() {
    for (text, expected) in [
        (
            "[qemu]\ncontrol = ['-S']\n",
            "m.toml:2: key `control`: is built in",
        ),
        (
            "[qemu]\nby-hand = []\n",
            "m.toml:2: key `by-hand`: is built in",
        ),
        (
            "[build]\ntarget = 'x'\n",
            "m.toml:1: key `build`: is no part of a machine",
        ),
    ] {
        let folder = folder(&[("m.toml", text)]);
        let error = machine_in(&folder, "m.toml").unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn paths_are_seen_from_the_file_that_they_stand_in() {
    let base = "arch = 'riscv64'\n[qemu]\nprogram = './qemu'\nmachine = ['{disk}']\n\
                [flash]\nsize = '4M'\ncontent = 'flash.bin'\n";
    let top = "extends = 'sub/base.toml'\n[disk]\nimage = 'disk.img'\n";
    let folder = folder(&[("sub/base.toml", base), ("top.toml", top)]);
    let machine = machine_in(&folder, "top.toml").unwrap();
    let at = |file: &str| folder.path().join(file);
    assert_eq!(machine.qemu.program, at("sub/./qemu"));
    assert_eq!(machine.disk.unwrap().image, Some(at("disk.img")));
    let content = FlashContent::File(at("sub/flash.bin"));
    assert_eq!(machine.flash.unwrap().content, content);
}

#[test]
fn a_machine_needs_no_disk_flash_firmware_witness_or_version() {
    let text = "arch = 'aarch64'\n[qemu]\nprogram = 'q'\nmachine = ['-kernel', '{kernel}']\n";
    let folder = folder(&[("m.toml", text)]);
    let machine = machine_in(&folder, "m.toml").unwrap();
    assert!(machine.disk.is_none() && machine.flash.is_none() && machine.witness.is_none());
    assert!(machine.firmware_for(true).is_empty() && machine.firmware_lines.is_none());
    assert_eq!(machine.qemu.oldest, (0, 0));
    assert_eq!(machine.kernel_format, KernelFormat::Auto);
    assert!(machine.uses("kernel") && !machine.uses("disk"));
}

/// What is built in is what the workspace ships, and needs no file besides.
#[test]
fn the_built_in_machines_are_those_of_the_workspace() {
    let folder = workspace().at("configs/machines");
    let files = fs::read_dir(folder).unwrap().count();
    assert_eq!(files, find::BUILT_IN.len());
    let nowhere = tempfile::tempdir().unwrap();
    let nowhere = Project::new(nowhere.path());
    for (name, text) in find::BUILT_IN {
        let shipped = workspace().at(format!("configs/machines/{name}.toml"));
        assert_eq!(text, fs::read_to_string(shipped).unwrap(), "{name}");
        let [built_in, shipped] =
            [&nowhere, &workspace()].map(|it| Machine::named(it, OsStr::new(name)).unwrap());
        assert_eq!(*built_in.origin(), Origin::BuiltIn(name));
        assert!(matches!(shipped.origin(), Origin::File(_)), "{name}");
        assert_eq!(built_in.qemu.machine, shipped.qemu.machine);
        let files = built_in.disk.and_then(|disk| disk.files);
        assert_eq!(files, None, "{name} names files");
        let content = built_in.flash.unwrap().content;
        assert_eq!(content, FlashContent::Text("pfld".into()), "{name}");
        assert!(name.starts_with(built_in.arch.name()));
    }
}

/// How this workspace's own hypervisor is booted, word for word.
#[test]
fn the_usual_machines_are_what_they_are() {
    let disk = "-drive file={disk},format=raw,if=none,id=disk0,snapshot=on \
                -device virtio-blk-pci,drive=disk0";
    let flash = "-drive file={pflash},format=raw,if=pflash,unit=1,readonly=on";
    let first = "-nodefaults -display none -nic none -no-reboot -machine";
    let firmware = "-drive file={firmware},format=raw,if=pflash,unit=0,readonly=on";
    for (name, board, log) in [
        (
            "riscv64",
            format!(
                "{first} virt -cpu rv64,h=true -m 128M -bios default -kernel {{kernel}} {disk} {flash}"
            ),
            "-trace riscv_trap -D {trace_log}",
        ),
        (
            "aarch64",
            format!(
                "{first} virt,virtualization=on -cpu max -m 128M -kernel {{kernel}} {disk} {flash}"
            ),
            "-d int -D {trace_log}",
        ),
        (
            "aarch64-el1",
            format!("{first} virt -cpu max -m 128M -kernel {{kernel}} {disk} {flash}"),
            "-d int -D {trace_log}",
        ),
        (
            "x86_64",
            format!("{first} q35 -cpu EPYC -m 128M -kernel {{kernel}} {disk} {firmware} {flash}"),
            "-d in_asm -dfilter 0x1+1 -D {trace_log}",
        ),
    ] {
        let machine = Machine::named(&workspace(), OsStr::new(name)).unwrap();
        assert_eq!(machine.qemu.machine.join(" "), board, "{name}");
        assert_eq!(machine.witness.unwrap().args.join(" "), log, "{name}");
        assert_eq!(machine.disk.unwrap().size, Some(64 << 20), "{name}");
    }
}
