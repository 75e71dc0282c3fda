use jiff::Timestamp;

use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(secs).unwrap()
}

async fn open(folder: &tempfile::TempDir) -> Db {
    Db::open(&folder.path().join("hearth.db")).await.unwrap()
}

#[tokio::test]
async fn opening_twice_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    assert!(!accounts::any(&db).await.unwrap());
    accounts::add_first(&db, "ada", "hash", at(1)).await.unwrap().unwrap();
    db.close().await;
    assert!(accounts::any(&open(&folder).await).await.unwrap());
    assert!(!folder.path().join("hearth.db.before-0001").exists(), "nothing was to be migrated");
}

#[tokio::test]
async fn an_older_database_is_copied_aside_before_it_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    accounts::add_first(&db, "ada", "hash", at(1)).await.unwrap();
    // As the release left it that had the first migration only.
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version > 1").execute(&db.writer).await.unwrap();
    let later: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('accounts', 'sessions', '_sqlx_migrations')",
    )
    .fetch_all(&db.writer)
    .await
    .unwrap();
    for table in later {
        let drop = sqlx::AssertSqlSafe(format!("DROP TABLE {table}"));
        sqlx::query(drop).execute(&db.writer).await.unwrap();
    }
    db.close().await;

    let db = open(&folder).await;
    assert!(accounts::any(&db).await.unwrap());
    let copy = folder.path().join("hearth.db.before-0001");
    let copied = SqliteConnectOptions::new().filename(copy);
    let mut copied = SqliteConnection::connect_with(&copied).await.unwrap();
    let accounts: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM accounts").fetch_one(&mut copied).await.unwrap();
    assert_eq!(accounts, 1);
}

#[tokio::test]
async fn a_database_of_a_newer_release_still_opens() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)")
        .execute(&db.writer)
        .await
        .unwrap();
    db.close().await;
    open(&folder).await;
}

#[tokio::test]
async fn each_kind_of_broken_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hearth.db");
    std::fs::write(&path, "this is no database, although it is long enough to be one").unwrap();
    let error = Db::open(&path).await.unwrap_err();
    assert_eq!(error.cause, Cause::Damaged, "{error}");
    assert!(error.to_string().contains("put back one of the copies"), "{error}");

    let error = Db::open(&folder.path().join("missing/hearth.db")).await.unwrap_err();
    assert_eq!(error.cause, Cause::CannotOpen, "{error}");
}

#[tokio::test]
async fn a_page_torn_in_the_middle_is_found_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    db.close().await;
    let path = folder.path().join("hearth.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096 + 100..4096 * 3].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(Db::open(&path).await.unwrap_err().cause, Cause::Damaged);
}

#[tokio::test]
async fn only_one_of_two_first_accounts_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let (a, b) = tokio::join!(
        accounts::add_first(&db, "ada", "x", at(1)),
        accounts::add_first(&db, "grace", "y", at(1))
    );
    let made = [a.unwrap(), b.unwrap()];
    assert_eq!(made.iter().flatten().count(), 1, "{made:?}");
}

#[tokio::test]
async fn ended_sessions_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let account = accounts::add_first(&db, "ada", "hash", at(0)).await.unwrap().unwrap();
    for (token, begun, seen) in [(b"idle", 100, 100), (b"used", 100, 300), (b"aged", 10, 300)] {
        assert!(sessions::add(&db, token, account.id, "hash", at(begun)).await.unwrap());
        sessions::touch(&db, token, at(seen)).await.unwrap();
    }
    sessions::remove_ended(&db, at(200), at(50)).await.unwrap();
    assert_eq!(sessions::find(&db, b"idle").await.unwrap(), None);
    assert_eq!(sessions::find(&db, b"aged").await.unwrap(), None);
    assert!(sessions::find(&db, b"used").await.unwrap().is_some());
    sessions::remove(&db, b"used").await.unwrap();
    sessions::remove(&db, b"used").await.unwrap();
    assert_eq!(sessions::find(&db, b"used").await.unwrap(), None);
}

#[tokio::test]
async fn a_sign_in_with_a_password_that_was_just_changed_leaves_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let account = accounts::add_first(&db, "ada", "old", at(0)).await.unwrap().unwrap();
    assert!(accounts::change_password(&db, account.id, "old", "new", b"none").await.unwrap());
    assert!(!sessions::add(&db, b"late", account.id, "old", at(1)).await.unwrap());
    assert!(!accounts::change_password(&db, account.id, "old", "newer", b"none").await.unwrap());
}

#[tokio::test]
async fn a_copy_takes_the_place_of_what_a_newer_release_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let db = open(&folder).await;
    accounts::add_first(&db, "ada", "hash", at(1)).await.unwrap().unwrap();
    let copy = copy_path(&path, newest_migration());
    sqlx::query("VACUUM INTO ?").bind(copy.display().to_string()).execute(&db.writer).await.unwrap();
    assert!(!has_later_migrations(&db).await.unwrap());
    // What the newer release does.
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)")
        .execute(&db.writer)
        .await
        .unwrap();
    sqlx::query("DELETE FROM accounts").execute(&db.writer).await.unwrap();
    assert!(has_later_migrations(&db).await.unwrap());

    let mut state = hearth_os_update::StoredState::default();
    state.metadata.bytes_per_second = Some(7);
    let kept = put_back(&db, &path, &copy, &state).await.unwrap();
    let db = open(&folder).await;
    assert!(accounts::any(&db).await.unwrap() && !has_later_migrations(&db).await.unwrap());
    assert_eq!(os_update::get(&db).await.unwrap(), state);
    assert!(kept.is_file() && !copy.exists(), "{}", kept.display());
}

#[tokio::test]
async fn a_damaged_copy_is_left_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let db = open(&folder).await;
    accounts::add_first(&db, "ada", "hash", at(1)).await.unwrap().unwrap();
    let copy = copy_path(&path, newest_migration());
    std::fs::write(&copy, "this is no database, although it is long enough to be one").unwrap();
    let error = put_back(&db, &path, &copy, &Default::default()).await.unwrap_err();
    assert!(format!("{error:#}").contains("copy"), "{error:#}");
    assert!(accounts::any(&open(&folder).await).await.unwrap());
}

#[tokio::test]
async fn an_app_gets_a_seed_of_its_own_unless_it_has_data_from_before() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let id = |app: &str| app.parse::<hearth_model::AppId>().unwrap();
    data::set_created(&db, &id("old"), at(1)).await.unwrap();
    data::add_secrets(&db, &id("half"), &[("KEY".to_owned(), "x".to_owned())].into()).await.unwrap();
    let make = async |app: &str| {
        let mut tx = db.writer.begin().await.unwrap();
        let made = seeds::make(&mut tx, &id(app)).await.unwrap();
        tx.commit().await.unwrap();
        made
    };
    assert_eq!((make("old").await, make("half").await), (None, None));
    let made = make("new").await.unwrap();
    assert_eq!(made.len(), 64);
    assert_eq!(make("new").await, None, "it has one already");
    assert_eq!(seeds::all(&db).await.unwrap(), [(id("new"), made.clone())].into());
    data::forget(&db, &id("new")).await.unwrap();
    assert_ne!(make("new").await.unwrap(), made);
}

#[tokio::test]
async fn the_address_of_the_box_is_the_one_that_it_had_last() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    assert_eq!(identity::address(&db).await.unwrap(), None);
    for address in ["192.168.1.20", "192.168.1.21"] {
        identity::set_address(&db, address).await.unwrap();
        assert_eq!(identity::address(&db).await.unwrap().as_deref(), Some(address));
    }
}
