//! The client, against a stub of a few lines.

use super::super::packet::{Decoder, encode};
use super::*;

/// Serves files of a description in pieces of a size, as QEMU does: the last one is marked, what is behind the end
/// is refused. How many batches of questions came.
async fn serve(
    mut stream: tokio::io::DuplexStream,
    files: Vec<(&str, String)>,
    piece: usize,
) -> usize {
    let (mut decoder, mut buffer, mut batches) = (Decoder::default(), vec![0; 64 << 10], 0);
    loop {
        let length = stream.read(&mut buffer).await.unwrap();
        if length == 0 {
            return batches;
        }
        batches += 1;
        decoder.push(&buffer[..length]);
        while let Some(question) = decoder.packet().unwrap() {
            let question = String::from_utf8(question).unwrap();
            let wanted = question.strip_prefix("qXfer:features:read:").unwrap();
            let (name, range) = wanted.split_once(':').unwrap();
            let from = usize::from_str_radix(range.split_once(',').unwrap().0, 16).unwrap();
            let text = &files.iter().find(|(file, _)| *file == name).unwrap().1;
            let answer = match text.get(from..) {
                None => "E00".to_owned(),
                Some(rest) if rest.len() > piece => format!("m{}", &rest[..piece]),
                Some(rest) => format!("l{rest}"),
            };
            let mut bytes = Vec::new();
            encode(answer.as_bytes(), &mut bytes);
            stream.write_all(&bytes).await.unwrap();
        }
    }
}

/// A machine's description whose second file has so many registers: those that the client knows, and how many
/// batches of questions it took.
async fn described(registers: usize, piece: usize) -> (usize, usize) {
    let included = ["a.xml", "b.xml"].map(|name| format!("<xi:include href=\"{name}\"/>"));
    let second: String = (0..registers)
        .map(|nth| format!("<reg name=\"r{nth}\" bitsize=\"64\"/>"))
        .collect();
    let files = vec![
        (
            "target.xml",
            format!("<target>{}</target>", included.concat()),
        ),
        ("a.xml", "<reg name=\"pc\" bitsize=\"64\"/>".to_owned()),
        ("b.xml", second),
    ];
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let stub = tokio::spawn(serve(theirs, files, piece));
    let mut gdb = Gdb::new(ours);
    gdb.describe().await.unwrap();
    let known = gdb.registers.len();
    for (name, register) in &gdb.registers {
        let number = name
            .strip_prefix('r')
            .map_or(0, |nth| nth.parse::<u64>().unwrap() + 1);
        assert_eq!(register.number, number, "{name}");
    }
    drop(gdb);
    (known, stub.await.unwrap())
}

#[tokio::test]
async fn a_description_is_read_whole_however_long_its_pieces_are() {
    // One register takes some 30 bytes.
    for registers in [0, 1, 9, 100, 1000] {
        for piece in [7, 100, 2045, 1 << 20] {
            let (known, _) = described(registers, piece).await;
            assert_eq!(
                known,
                registers + 1,
                "{registers} registers in pieces of {piece}"
            );
        }
    }
}

#[tokio::test]
async fn a_description_of_twenty_pieces_takes_few_batches_of_questions() {
    let (known, batches) = described(1300, 2045).await;
    assert_eq!(known, 1301);
    // The target, the two files, and eight more pieces at a time.
    assert!(batches <= 5, "{batches}");
}

#[tokio::test]
async fn a_description_that_is_refused_is_said_so() {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let mut bytes = Vec::new();
    encode(b"E22", &mut bytes);
    theirs.write_all(&bytes).await.unwrap();
    let error = Gdb::new(ours).describe().await.unwrap_err();
    assert!(
        matches!(&error, GdbError::Refused { question, .. } if question.contains("target.xml:0")),
        "{error}"
    );
}
