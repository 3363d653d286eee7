//! Tokens, and the file that has them.

use std::{fs, path::Path, sync::atomic::Ordering};

use crate::access::{
    FILE_BYTES_MAX, NAME_BYTES_MAX, SCOPES_MAX, Scope, TOKENS_MAX, Token, TokenFile, TokenHash,
    TokenSet,
};

fn line(name: &str, scopes: &str, secret: &str) -> String {
    format!("{name} {scopes} {}", TokenHash::of(secret.as_bytes()))
}

#[test]
fn scopes_cover_a_collection_a_prefix_or_all() {
    for (scope, covered, not_covered) in [
        (
            "posts:write",
            &["posts"][..],
            &["post", "posts2", "Posts"][..],
        ),
        ("shop-*:write", &["shop-", "shop-de"], &["shop", "a-shop-"]),
        ("*:write", &["posts", "a"], &[]),
    ] {
        let read: Scope = scope.parse().unwrap();
        assert_eq!(read.to_string(), scope);
        assert!(covered.iter().all(|one| read.covers(one)), "{scope}");
        assert!(!not_covered.iter().any(|one| read.covers(one)), "{scope}");
    }
    for scope in [
        "",
        "posts",
        "posts:read",
        "posts:",
        ":write",
        "Posts:write",
        "a b:write",
        "**:write",
        "*posts:write",
        "a*b:write",
        "posts:write ",
    ] {
        assert!(scope.parse::<Scope>().is_err(), "{scope:?}");
    }
}

#[test]
fn a_token_reads_from_the_line_that_it_writes() {
    let text = line("importer.1", "posts:write,shop-*:write", "secret");
    let token: Token = text.parse().unwrap();
    assert_eq!(token.to_string(), text);
    assert_eq!(&**token.name(), "importer.1");
    assert!(token.covers("posts") && token.covers("shop-x") && !token.covers("other"));
    assert!(!format!("{token:?}").contains("blake3"));
}

#[test]
fn lines_that_are_no_token_are_refused_without_repeating_them() {
    let hash = TokenHash::of(b"secret").to_string();
    let long = "n".repeat(NAME_BYTES_MAX + 1);
    let many = vec!["a:write"; SCOPES_MAX + 1].join(",");
    for text in [
        "hunter2".to_owned(),
        "name posts:write hunter2".to_owned(),
        "name posts:write blake3:hunter2".to_owned(),
        format!("name posts:write {}", &hash["blake3:".len()..]),
        format!("name hunter2 {hash}"),
        format!("hunter2! posts:write {hash}"),
        format!("name posts:write {hash} hunter2"),
        format!("{long} posts:write {hash}"),
        format!("name {many} {hash}"),
    ] {
        let text = format!("# comment\n\n{text}\n");
        let error = TokenSet::parse(&text).unwrap_err().to_string();
        assert!(error.starts_with("line 3: "), "{text}: {error}");
        assert!(
            !error.contains("hunter2") && !error.contains(&hash),
            "{error}"
        );
    }
    let longest = "n".repeat(NAME_BYTES_MAX);
    let most = vec!["a:write"; SCOPES_MAX].join(",");
    assert!(TokenSet::parse(&line(&longest, &most, "s")).is_ok());
}

#[test]
fn names_and_secrets_are_used_once() {
    let first = line("a", "*:write", "one");
    for second in [line("a", "*:write", "two"), line("b", "*:write", "one")] {
        let error = TokenSet::parse(&format!("{first}\n{second}")).unwrap_err();
        assert!(error.to_string().starts_with("line 2: "), "{error}");
    }
}

#[test]
fn a_set_finds_the_token_of_a_secret_and_is_bounded() {
    let lines: Vec<String> = (0..TOKENS_MAX)
        .map(|n| line(&format!("name-{n}"), "*:write", &format!("secret-{n}")))
        .collect();
    let set = TokenSet::parse(&lines.join("\n")).unwrap();
    assert_eq!(set.len(), TOKENS_MAX);
    for n in [0, 1, TOKENS_MAX - 1] {
        let found = set.find(format!("secret-{n}").as_bytes()).unwrap();
        assert_eq!(**found.name(), format!("name-{n}"));
    }
    for secret in ["", "secret", "secret-0 ", "Secret-0", "name-0"] {
        assert!(set.find(secret.as_bytes()).is_none(), "{secret}");
    }
    let more = format!("{}\n{}", lines.join("\n"), line("more", "*:write", "more"));
    assert!(TokenSet::parse(&more).is_err());
}

fn has(file: &TokenFile, secret: &str) -> bool {
    file.tokens().find(secret.as_bytes()).is_some()
}

#[test]
fn a_changed_file_is_taken_and_a_broken_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    assert!(TokenFile::open(path.clone()).is_err());
    fs::write(&path, line("a", "*:write", "one")).unwrap();
    let file = TokenFile::open(path.clone()).unwrap();
    let counts = || {
        let counters = file.counters();
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        (load(&counters.reloads), load(&counters.reloads_failed))
    };
    file.look();
    assert_eq!((has(&file, "one"), counts()), (true, (0, 0)));

    // Of the same length, and within the same tick of any clock.
    fs::write(&path, line("a", "*:write", "two")).unwrap();
    file.look();
    assert!(has(&file, "two") && !has(&file, "one"));
    assert_eq!(counts(), (1, 0));

    let broken: [&dyn Fn(&Path); 4] = [
        &|path| fs::write(path, "hunter2").unwrap(),
        &|path| fs::write(path, [0xff]).unwrap(),
        &|path| {
            fs::write(
                path,
                vec![b'\n'; usize::try_from(FILE_BYTES_MAX).unwrap() + 1],
            )
            .unwrap();
        },
        &|path| fs::remove_file(path).unwrap(),
    ];
    for (breaks, failed) in broken.iter().zip(1..) {
        breaks(&path);
        file.look();
        file.look();
        assert!(has(&file, "two"), "older tokens stay");
        let fault = file.fault().unwrap();
        assert!(!fault.contains("hunter2"), "{fault}");
        assert_eq!(counts(), (1, failed), "each is noted once");
    }

    fs::write(&path, "# nobody\n").unwrap();
    file.look();
    assert_eq!(
        (has(&file, "two"), file.fault(), counts()),
        (false, None, (2, 4))
    );
}
