use super::*;

fn set(files: &[&str]) -> BTreeSet<PathBuf> {
    files.iter().map(PathBuf::from).collect()
}

#[test]
fn a_run_is_concerned_by_its_files_and_by_what_is_in_its_folders() {
    let burst = |files: &[&str]| Burst {
        files: set(files),
        lost: false,
    };
    let inputs = set(&["/w/a.rs", "/w/folder"]);
    assert!(burst(&["/w/a.rs", "/w/b.rs"]).concerns(&inputs));
    assert!(burst(&["/w/folder/new.rs"]).concerns(&inputs));
    assert!(!burst(&["/w/b.rs", "/w/folder/deeper/new.rs"]).concerns(&inputs));
    // What is above comes and goes with all that is in it.
    let deep = set(&["/w/a.rs/x", "/w/b/c/d.rs"]);
    assert!(burst(&["/w/b"]).concerns(&deep));
    assert!(!burst(&["/w/b/d", "/w/b.rs", "/w/b/c/d"]).concerns(&deep));
    assert_eq!(
        burst(&["/w/a.rs", "/w/b.rs"]).of(&inputs),
        [Path::new("/w/a.rs")]
    );
    let lost = Burst {
        lost: true,
        ..Burst::default()
    };
    assert!(lost.concerns(&inputs) && lost.of(&inputs).is_empty());
}

#[tokio::test]
async fn many_changes_are_one_burst_and_reading_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("a"), "").unwrap();
    let mut changes = Changes::new().unwrap();
    changes.watch(&BTreeSet::from([file("a")])).unwrap();
    for nth in 0..100 {
        fs::write(file("a"), nth.to_string()).unwrap();
        fs::write(file("new"), nth.to_string()).unwrap();
    }
    // As an editor saves.
    fs::write(file("swap"), "").unwrap();
    fs::rename(file("swap"), file("a")).unwrap();
    let burst = changes.next().await;
    assert!(burst.concerns(&BTreeSet::from([file("a")])), "{burst:?}");
    assert!(burst.files.contains(&file("new")), "{burst:?}");
    fs::read(file("a")).unwrap();
    let none = tokio::time::timeout(10 * QUIET, changes.next()).await;
    assert!(none.is_err(), "{none:?}");
    fs::remove_file(file("a")).unwrap();
    assert_eq!(changes.next().await.files, BTreeSet::from([file("a")]));
}

fn changes_of(file: &Path) -> (Changes, BTreeSet<PathBuf>) {
    let files: BTreeSet<_> = physical(file).collect();
    let mut changes = Changes::new().unwrap();
    changes.watch(&files).unwrap();
    (changes, files)
}

/// As a checkout of another branch and back has it.
#[tokio::test]
async fn a_folder_that_goes_and_comes_back_is_watched_again() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b");
    let file = deep.join("file");
    fs::create_dir_all(&deep).unwrap();
    fs::write(&file, "").unwrap();
    let (mut changes, files) = changes_of(&file);
    let above = folder.path().join("a");
    for gone in [&deep, &above] {
        fs::remove_dir_all(gone).unwrap();
        assert!(changes.next().await.concerns(&files), "{gone:?} goes");
        changes.watch(&files).unwrap();
        fs::create_dir_all(&deep).unwrap();
        assert!(changes.next().await.concerns(&files), "{gone:?} comes");
        changes.watch(&files).unwrap();
        fs::write(&file, "new").unwrap();
        let burst = soon(&mut changes).await;
        assert!(burst.concerns(&files), "a change after {gone:?} came");
    }
    // Nobody watches what is above all; whoever looks again sees that it is another.
    let (mut changes, files) = changes_of(&file);
    fs::rename(&above, folder.path().join("c")).unwrap();
    fs::create_dir_all(&deep).unwrap();
    changes.watch(&files).unwrap();
    fs::write(&file, "new").unwrap();
    assert!(soon(&mut changes).await.concerns(&files));
}

async fn soon(changes: &mut Changes) -> Burst {
    let burst = tokio::time::timeout(100 * QUIET, changes.next());
    burst.await.expect("something changed")
}

#[tokio::test]
async fn a_folder_may_have_several_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("real/folder")).unwrap();
    std::os::unix::fs::symlink("real", at("link")).unwrap();
    std::os::unix::fs::symlink("../real/folder/two", at("real/three")).unwrap();
    for name in ["one", "two"] {
        fs::write(at("real/folder").join(name), "").unwrap();
    }
    let mut changes = Changes::new().unwrap();
    let names = [
        "real/folder/one",
        "link/../real/folder/two",
        "link/folder/one",
        "link/three",
    ];
    let sets = names.map(|name| physical(&at(name)).collect::<BTreeSet<_>>());
    for set in &sets {
        changes.watch(set).unwrap();
    }
    fs::write(at("link/folder/one"), "new").unwrap();
    let burst = changes.next().await;
    assert_eq!(
        sets.each_ref().map(|set| burst.concerns(set)),
        [true, false, true, false]
    );
    fs::write(at("real/folder/two"), "new").unwrap();
    let burst = changes.next().await;
    assert_eq!(
        sets.each_ref().map(|set| burst.concerns(set)),
        [false, true, false, true]
    );
    let missing = at("link/no/such/file");
    let physically = fs::canonicalize(at("real")).unwrap().join("no/such/file");
    assert_eq!(physical(&missing).collect::<Vec<_>>(), [physically]);
}

#[tokio::test]
async fn what_changes_all_the_time_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("busy");
    fs::write(&file, "").unwrap();
    let mut changes = Changes::new().unwrap();
    changes.watch(&BTreeSet::from([file.clone()])).unwrap();
    let busy = tokio::spawn(async move {
        loop {
            fs::write(&file, "x").unwrap();
            tokio::time::sleep(QUIET / 4).await;
        }
    });
    let since = Instant::now();
    changes.next().await;
    assert!(since.elapsed() < 2 * LONGEST, "{:?}", since.elapsed());
    busy.abort();
}
