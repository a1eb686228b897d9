//! `[disk]`, in a machine file and in a scenario: an image of one's own, or a FAT disk made for the
//! run.

use super::{Source, parse_size};
use crate::error::ConfigError;
use serde::Deserialize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The size of a disk, in bytes, unless a file says otherwise.
pub const USUAL_SIZE: u64 = 64 << 20;

/// What a file says of a disk. For the rest, the [machine](Disk::over) decides, and then the default: a
/// FAT disk of 64 MiB that holds the guests and the words of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disk {
    /// An image that is copied for the run, and never written to.
    pub image: Option<PathBuf>,
    /// How large a disk is made, in bytes.
    pub size: Option<u64>,
    /// Files that are put on it.
    pub files: Option<Vec<DiskFile>>,
    /// Whether it carries the flash's contents as `/boot/pflash.img`.
    pub pflash_on_disk: Option<bool>,
}

/// A file that is put on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskFile {
    /// Its name on the disk, from the root: `/sbin/origin.bin`.
    pub path: String,
    /// The file that it comes from.
    pub from: PathBuf,
    /// In which form it is put there.
    pub form: Form,
}

/// In which form a file is put on a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Byte for byte.
    #[default]
    Raw,
    /// An ELF file's segments, laid out as they are in memory.
    Flat,
}

impl Disk {
    /// Takes what is missing here from `base`. A list replaces the other list. An image excludes a disk
    /// that is made, so the one that this file names replaces both.
    pub fn over(self, base: Self) -> Self {
        if self.image.is_some() {
            return self;
        }
        let is_made = self.size.is_some() || self.files.is_some();
        Self {
            image: base.image.filter(|_| !is_made),
            size: self.size.or(base.size),
            files: self.files.or(base.files),
            pflash_on_disk: self.pflash_on_disk.or(base.pflash_on_disk),
        }
    }
}

/// `[disk]` as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Raw {
    image: Option<Spanned<String>>,
    size: Option<Spanned<String>>,
    #[serde(rename = "file")]
    files: Option<Vec<Spanned<RawFile>>>,
    pflash_on_disk: Option<bool>,
}

/// `[[disk.file]]` as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawFile {
    path: Option<Spanned<String>>,
    from: Option<Spanned<String>>,
    #[serde(default, rename = "as")]
    form: Form,
}

/// Who fills the placeholders of a text, the value of a key.
pub type Fill<'a> = &'a dyn Fn(&str, &Spanned<String>) -> Result<String, ConfigError>;

impl Raw {
    /// The keys that its files lack, each with the place where that file is written.
    pub fn lacking(&self) -> impl Iterator<Item = (Range<usize>, &'static str)> {
        self.files.iter().flatten().flat_map(|file| {
            let raw = file.get_ref();
            let keys = [("path", raw.path.is_none()), ("from", raw.from.is_none())];
            let lacking = keys.into_iter().filter(|(_, lacks)| *lacks);
            lacking.map(|(key, _)| (file.span(), key))
        })
    }

    /// Checks what is written in `source`, whose paths are seen from `folder`. Nothing may be
    /// [lacking](Self::lacking).
    pub fn resolve(
        self,
        source: &Source,
        folder: &Path,
        fill: Fill<'_>,
    ) -> Result<Disk, ConfigError> {
        if let Some(image) = &self.image {
            if image.get_ref().is_empty() {
                return Err(source.bad_value("image", image, "is empty"));
            }
            if self.size.is_some() || self.files.is_some() || self.pflash_on_disk == Some(true) {
                let message = "is taken as it is; size, [[disk.file]] and pflash-on-disk are for a disk \
                               that is made";
                return Err(source.bad_value("image", image, message));
            }
        }
        let size = self.size.map(|size| {
            let parsed = parse_size(size.get_ref());
            parsed.map_err(|e| source.bad_value("size", &size, e))
        });
        let files = self.files.map(|raw| files(raw, source, folder, fill));
        let image = self.image.map(|image| fill("image", &image));
        Ok(Disk {
            image: image.transpose()?.map(|image| folder.join(image)),
            size: size.transpose()?,
            files: files.transpose()?,
            pflash_on_disk: self.pflash_on_disk,
        })
    }
}

fn files(
    raw: Vec<Spanned<RawFile>>,
    source: &Source,
    folder: &Path,
    fill: Fill<'_>,
) -> Result<Vec<DiskFile>, ConfigError> {
    let mut files: Vec<DiskFile> = Vec::new();
    for file in raw {
        let RawFile { path, from, form } = file.into_inner();
        let lacking = "what is lacking was looked for";
        let (raw_path, from) = (path.expect(lacking), from.expect(lacking));
        let path = fill("path", &raw_path)?;
        if let Some(why) = objection(&path) {
            return Err(source.bad_value("path", &raw_path, why));
        }
        if let Some(why) = clash(&path, files.iter().map(|other| &*other.path)) {
            return Err(source.bad_value("path", &raw_path, why));
        }
        files.push(DiskFile {
            path,
            from: folder.join(fill("from", &from)?),
            form,
        });
    }
    Ok(files)
}

/// The folders that a disk has, whatever is put on it: the guests and the words of the run lie in the
/// first two, and ArceOS mounts file systems of its own at the others.
const FOLDERS: [&str; 4] = ["/sbin", "/boot", "/proc", "/sys"];

/// Why a file of this path cannot be on a disk together with some others, if it cannot.
pub fn clash<'a>(path: &str, mut others: impl Iterator<Item = &'a str>) -> Option<String> {
    let folded = folded(path);
    let lies_in = |file: &str, folder: &str| {
        let rest = file.strip_prefix(folder);
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    others.find_map(|original| {
        let other = self::folded(original);
        if other == folded {
            Some("is there twice".to_owned())
        } else if lies_in(&folded, &other) {
            Some(format!("lies in `{original}`, and `{original}` is a file"))
        } else if lies_in(&other, &folded) {
            Some(format!("is a folder: `{original}` lies in it"))
        } else {
            None
        }
    })
}

/// A path in the form in which FAT compares it: names of different case are one name.
fn folded(path: &str) -> String {
    path.chars().flat_map(char::to_uppercase).collect()
}

/// Whether FAT might make up such a name as the short one of another file.
fn is_short_name(name: &str) -> bool {
    let mut parts = name.split('~').skip(1);
    name.len() <= 12 && parts.any(|part| part.starts_with(|c: char| c.is_ascii_digit()))
}

/// Why a path cannot be one of a file on a FAT disk, if it cannot.
fn objection(path: &str) -> Option<&'static str> {
    let Some(names) = path.strip_prefix('/') else {
        return Some("is a path on the disk, and begins with `/`");
    };
    let wrong = |name: &str| {
        let forbidden = |c: char| c.is_control() || "\\:*?\"<>|".contains(c);
        name.is_empty()
            || name.len() > 255
            || name.contains(forbidden)
            || name.ends_with(['.', ' '])
    };
    if names.split('/').any(wrong) {
        return Some("is not a file's path as FAT has them, such as `/sbin/origin.bin`");
    }
    let folded = folded(path);
    if FOLDERS.iter().any(|folder| folded == folder.to_uppercase()) {
        return Some("is a folder of every disk");
    }
    let short = names.split('/').any(is_short_name);
    short.then_some("is a short name, as FAT makes them up for other files; give it another name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        disk: Raw,
    }

    fn disk(text: &str) -> Result<Disk, String> {
        let source = Source::from_text("d.toml", format!("[disk]\n{text}"));
        let file: File = source.parse().map_err(|e| e.to_string())?;
        let as_it_is = |_: &str, text: &Spanned<String>| Ok(text.get_ref().clone());
        let disk = file.disk.resolve(&source, Path::new("/there"), &as_it_is);
        disk.map_err(|e| e.to_string())
    }

    #[test]
    fn paths_are_seen_from_the_files_folder_and_a_file_is_raw_unless_it_is_to_be_flat() {
        let text = "size = '34M'\n[[disk.file]]\npath = '/sbin/a'\nfrom = 'a.elf'\nas = 'flat'\n\
                    [[disk.file]]\npath = '/b'\nfrom = '/abs/b'\n";
        let file = |path: &str, from: &str, form| DiskFile {
            path: path.into(),
            from: from.into(),
            form,
        };
        let expected = Disk {
            size: Some(34 << 20),
            files: Some(vec![
                file("/sbin/a", "/there/a.elf", Form::Flat),
                file("/b", "/abs/b", Form::Raw),
            ]),
            ..Disk::default()
        };
        assert_eq!(disk(text), Ok(expected));
        let image = disk("image = 'disk.img'").unwrap().image;
        assert_eq!(image, Some("/there/disk.img".into()));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_line() {
        let file = |path: &str| format!("[[disk.file]]\npath = '{path}'\nfrom = 'x'\n");
        let twice = file("/sbin/a") + &file("/SBIN/A");
        for (text, expected) in [
            ("image = 'a'\nsize = '64M'", "d.toml:2: key `image`"),
            ("image = ''", "is empty"),
            ("size = '1G'", "d.toml:2: key `size`"),
            (&file("sbin/a"), "d.toml:3: key `path`"),
            (&file("/sbin/"), "is not a file's path"),
            (&file("/../a"), "is not a file's path"),
            (&file("/a:b"), "is not a file's path"),
            (&twice, "d.toml:6: key `path`: is there twice"),
            (
                &(file("/\u{c4}.txt") + &file("/\u{e4}.txt")),
                "d.toml:6: key `path`: is there twice",
            ),
            (
                &(file("/a") + &file("/A/b")),
                "d.toml:6: key `path`: lies in `/a`, and `/a` is a file",
            ),
            (
                &(file("/a/b/c") + &file("/A/b")),
                "d.toml:6: key `path`: is a folder: `/a/b/c` lies in it",
            ),
            (
                &file("/proc"),
                "d.toml:3: key `path`: is a folder of every disk",
            ),
            (
                &file("/SYS"),
                "d.toml:3: key `path`: is a folder of every disk",
            ),
            (
                &file("/boot"),
                "d.toml:3: key `path`: is a folder of every disk",
            ),
            (
                &file("/sbin"),
                "d.toml:3: key `path`: is a folder of every disk",
            ),
            (
                &file("/LONGNA~1.TXT"),
                "d.toml:3: key `path`: is a short name",
            ),
            ("nonsense = 1", "d.toml:2: key `nonsense`"),
        ] {
            let error = disk(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn names_that_only_look_alike_are_two_files() {
        let file = |path: &str| format!("[[disk.file]]\npath = '{path}'\nfrom = 'x'\n");
        let paths = [
            "/a", "/ab", "/b/a", "/b/ab", "/boot/a", "/proc/a", "/x~y", "/\u{e9}",
        ];
        let files = disk(&paths.map(file).concat()).unwrap().files.unwrap();
        assert_eq!(files.len(), paths.len());
    }

    #[test]
    fn the_later_says_whether_it_is_an_image_or_a_disk_that_is_made() {
        let image = disk("image = 'a.img'").unwrap();
        let made = disk("size = '40M'\npflash-on-disk = true").unwrap();
        assert_eq!(image.clone().over(made.clone()), image);
        assert_eq!(made.clone().over(image.clone()), made);
        assert_eq!(Disk::default().over(image.clone()), image);
        let larger = disk("size = '80M'").unwrap().over(made);
        assert_eq!(
            (larger.size, larger.pflash_on_disk),
            (Some(80 << 20), Some(true))
        );
    }
}
