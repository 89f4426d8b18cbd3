//! Files: missing, broken, mismatched, rotated.

use super::*;

fn error(options: &TlsOptions) -> String {
    Trust::default().client(options).unwrap_err()
}

#[test]
fn what_is_wrong_with_which_file_is_said() {
    let files = Files::new();
    let ca = Authority::new("ca");
    let pair = ca.leaf(&["client"]);
    let (cert, key) = (pair.certificate.pem(), pair.key.serialize_pem());
    let ca_error = |text: &[u8]| {
        let path = files.write("x.pem", text);
        let said = error(&TlsOptions { ca_file: Some(path.clone()), ..TlsOptions::default() });
        said.replace(path.to_str().unwrap(), "FILE")
    };
    assert_eq!(ca_error(b""), "FILE: holds no certificate in PEM");
    assert_eq!(ca_error(b"nonsense"), "FILE: holds no certificate in PEM");
    assert_eq!(ca_error(key.as_bytes()), "FILE: holds no certificate in PEM");
    let not_der = b"-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n";
    assert_eq!(ca_error(not_der), "FILE: holds no certificate that can be read");
    assert_eq!(ca_error(&vec![b'x'; 2 << 20]), "FILE: is larger than 1024 KiB");

    let key_error = |cert_text: &str, key_text: &str| {
        error(&TlsOptions {
            cert_file: Some(files.write("c.pem", cert_text)),
            key_file: Some(files.write("k.pem", key_text)),
            ..files.trusting(&ca.pem)
        })
        .replace(files.path().to_str().unwrap(), "DIR")
    };
    assert_eq!(key_error("", &key), "DIR/c.pem: holds no certificate in PEM");
    let no_key = "DIR/k.pem: holds no private key in PEM that is not encrypted";
    assert_eq!(key_error(&cert, ""), no_key);
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(key_error(&cert, &encrypted), no_key);
    let other = KeyPair::generate().unwrap().serialize_pem();
    assert_eq!(key_error(&cert, &other), "DIR/k.pem does not belong to DIR/c.pem");
}

#[test]
fn what_is_no_file_is_said() {
    let files = Files::new();
    let ca = Authority::new("ca");
    let missing = files.path().join("missing.pem");
    let said = error(&TlsOptions { ca_file: Some(missing), ..TlsOptions::default() });
    assert!(said.contains("missing.pem: No such file"), "{said}");
    let directory = Some(files.path().to_owned());
    let said = error(&TlsOptions { ca_file: directory, ..TlsOptions::default() });
    assert!(said.ends_with("is no regular file"), "{said}");
    let cert_file = Some(files.write("c.pem", &ca.pem));
    let said = error(&TlsOptions { cert_file, ..files.trusting(&ca.pem) });
    assert_eq!(said, "cert_file is set without key_file");
    let key_file = Some(files.write("k.pem", "x"));
    let said = error(&TlsOptions { key_file, ..files.trusting(&ca.pem) });
    assert_eq!(said, "key_file is set without cert_file");
}

#[test]
fn one_good_certificate_among_bad_ones_is_enough() {
    let files = Files::new();
    let bundle = [
        "a comment\n-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n",
        &Authority::new("ca").pem,
    ];
    assert!(Trust::default().client(&files.trusting(&bundle.concat())).is_ok());
}

#[test]
fn files_are_read_again_when_they_change_and_only_then() {
    let files = Files::new();
    let trust = Trust::default();
    let options = files.trusting(&Authority::new("first").pem);
    let first = trust.client(&options).unwrap();
    assert!(Arc::ptr_eq(&first.means, &trust.client(&options).unwrap().means));
    let named = TlsOptions { server_name: Some("a.example".to_owned()), ..options.clone() };
    assert!(Arc::ptr_eq(&first.means, &trust.client(&named).unwrap().means));

    let lenient = TlsOptions { insecure_skip_verify: true, ..options.clone() };
    assert!(!Arc::ptr_eq(&first.means, &trust.client(&lenient).unwrap().means));

    files.trusting(&Authority::new("the second one").pem);
    let second = trust.client(&options).unwrap();
    assert!(!Arc::ptr_eq(&first.means, &second.means));

    std::fs::remove_file(options.ca_file.as_ref().unwrap()).unwrap();
    assert!(trust.client(&options).is_err());
}
