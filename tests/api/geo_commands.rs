//! `tenon geo`, as an operator runs it.
use std::{
    fs::{self, File},
    io::Write,
};

use flate2::{Compression, write::GzEncoder};

use crate::{
    commands::Machine,
    mmdb::{Shape, database},
};

const FRANCE: &[(&str, &str)] = &[("2.0.0.0/12", "FR"), ("8.8.8.0/24", "US")];

impl Machine {
    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let file = self.0.join(name);
        fs::write(&file, bytes).expect("the file is written");
        file.display().to_string()
    }

    fn gzip(&self, name: &str, bytes: &[u8]) -> String {
        let file = self.0.join(name);
        let mut gzip = GzEncoder::new(File::create(&file).expect("a file"), Compression::fast());
        gzip.write_all(bytes).and_then(|()| gzip.try_finish()).expect("the file is written");
        file.display().to_string()
    }
}

#[api_test]
fn a_database_is_looked_at() {
    let machine = Machine::new();
    let good = machine.file("good.mmdb", &database(Shape::Flat, FRANCE));
    let told = machine.tenon(&["geo", "check", &good]).done().out;
    assert!(told.contains("type Test-Country\nbuilt 2026-11-21\nnodes "), "{told}");
    assert!(told.contains("countries 2\n8.8.8.8 US\n2.3.4.5 FR\n"), "{told}");
    let asked = ["geo", "check", &good, "--address", "10.0.0.1", "--address", "::ffff:2.3.4.5"];
    assert!(machine.tenon(&asked).done().out.ends_with("10.0.0.1 -\n::ffff:2.3.4.5 FR\n"));
    let set = [("TENON_GEO_DATABASE", good.as_str())];
    assert_eq!(machine.run(&set, "", &["geo", "check"]).done().out, told);

    let whole = database(Shape::Long, FRANCE);
    machine.tenon(&["geo", "check"]).says(1, "country.mmdb does not exist: pass a file");
    machine.tenon(&["geo", "check", "nowhere.mmdb"]).says(1, "nowhere.mmdb: No such file");
    machine.tenon(&["geo", "check", &good, "--address", "here"]).says(2, "invalid IP address");
    for (name, bytes, words) in [
        ("empty.mmdb", &[][..], "the file is damaged or not in MMDB format"),
        ("page.mmdb", b"<html></html>", "the file is damaged or not in MMDB format"),
        ("half.mmdb", &whole[..whole.len() / 2], "the file is damaged or not in MMDB format"),
        (
            "asn.mmdb",
            &database(Shape::Other, FRANCE),
            "the file contains no countries: its type is Test-Country",
        ),
    ] {
        machine.tenon(&["geo", "check", &machine.file(name, bytes)]).says(1, words);
    }
    assert!(!machine.0.join("data").exists());
}

#[api_test]
fn no_damage_to_a_database_is_more_than_an_error() {
    let machine = Machine::new();
    let whole = database(Shape::Long, FRANCE);
    // Each pointer of the tree leads back to its beginning, or far away.
    for (name, word) in [("loop.mmdb", [0; 4]), ("away.mmdb", [0xff; 4])] {
        let mut bytes = whole.clone();
        bytes[4 * 8..4 * 16].chunks_mut(4).for_each(|pointer| pointer.copy_from_slice(&word));
        machine.tenon(&["geo", "check", &machine.file(name, &bytes)]).says(1, "the file is damaged");
    }
}

#[api_test]
fn a_database_is_put_in_place_as_a_whole_or_not_at_all() {
    let machine = Machine::new();
    let (first, second) = (database(Shape::Flat, FRANCE), database(Shape::Long, FRANCE));
    let place = machine.0.join("data/country.mmdb");
    let plain = machine.file("first.mmdb", &first);
    let told = machine.tenon(&["geo", "install", &plain]).done().out;
    assert!(told.contains("not in use yet: set geo_database"), "{told}");
    assert_eq!(fs::read(&place).expect("it is there"), first);
    let checked = machine.tenon(&["geo", "check"]).done().out;
    assert!(checked.starts_with(&place.display().to_string()), "{checked}");
    assert!(checked.contains("not in use yet: set geo_database"), "{checked}");
    let gzip = machine.gzip("second.mmdb.gz", &second);
    machine.tenon(&["geo", "install", &gzip]).done();
    assert_eq!(fs::read(&place).expect("it is there"), second);
    let damaged = machine.gzip("damaged.mmdb.gz", &first[..first.len() / 2]);
    let cut = fs::read(&gzip).expect("it is there");
    let cut = machine.file("cut.mmdb.gz", &cut[..cut.len() / 2]);
    for (wrong, words) in [(&damaged, "damaged"), (&cut, "cannot be read")] {
        machine.tenon(&["geo", "install", wrong]).says(1, words);
    }
    machine.tenon(&["geo", "install", "https://acme.test/country.mmdb"]).says(1, "No such file");
    assert_eq!(fs::read(&place).expect("it is there"), second);
    assert_eq!(fs::read_dir(machine.0.join("data")).expect("a folder").count(), 1, "nothing else is left");

    let elsewhere = machine.0.join("geo/country.mmdb").display().to_string();
    let set = [("TENON_GEO_DATABASE", elsewhere.as_str())];
    let told = machine.run(&set, "", &["geo", "install", &plain]).done().out;
    assert!(told.starts_with(&elsewhere) && !told.contains("not in use"), "{told}");
    assert_eq!(fs::read(&elsewhere).expect("it is there"), first);
}
