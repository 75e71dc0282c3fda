//! Every statement of this crate, checked against the schema that the migrations make: it can be prepared, it takes as many
//! values as are bound to it, and it has the columns that are read from it. Whoever reads columns by name in a function of
//! its own is checked with each statement whose rows it is given, by the tests of behaviour.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, Column, Either, Executor, SqlSafeStr, Statement};

use super::*;

/// A statement with the code that follows it, up to the end of its function.
#[derive(Debug)]
struct Use {
    place: String,
    sql: String,
    code: String,
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns the statements that stand as text in calls of sqlx, but for those of tests.
fn statements() -> Vec<Use> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut uses = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_test = file.file_stem().is_some_and(|stem| stem == "tests" || stem == "statements");
        let text = if is_test { "" } else { text.split("#[cfg(test)]\nmod tests {").next().unwrap() };
        for (number, after) in text.split("sqlx::query").enumerate().skip(1) {
            let call = after.trim_start_matches("_scalar").trim_start_matches("_as");
            let Some(argument) = call.split_once('(').map(|(_, argument)| argument.trim_start()) else {
                continue;
            };
            let place = format!("{}, statement {number}", file.display());
            let literal =
                argument.strip_prefix('"').unwrap_or_else(|| panic!("{place} is no text: {argument:.60}"));
            let (sql, code) = literal.split_once('"').unwrap();
            let code = code.split("\n}").next().unwrap();
            uses.push(Use { place, sql: sql.replace("\\\n", " "), code: code.to_owned() });
        }
    }
    uses
}

/// Returns the names of columns that code reads: `get("name")` and `try_get::<_, _>("name")`.
fn columns_read(code: &str) -> BTreeSet<&str> {
    let calls = code.split("get").skip(1);
    let arguments = calls.filter_map(|call| {
        let (types, arguments) = call.split_once("(\"")?;
        (types.is_empty() || types.starts_with("::<") && types.ends_with('>'))
            .then_some(arguments)?
            .split('"')
            .next()
    });
    arguments.collect()
}

#[tokio::test]
async fn every_statement_fits_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join(FILE)).await.unwrap();
    let uses = statements();
    assert!(uses.len() > 30, "only {} statements were found", uses.len());
    for Use { place, sql, code } in &uses {
        let mut connection = db.writer.acquire().await.unwrap();
        let prepared = connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{place}: {error}\n{sql}"));
        let has: BTreeSet<&str> = prepared.columns().iter().map(Column::name).collect();
        for column in columns_read(code) {
            assert!(has.contains(column), "{place}: expected the column `{column}`, found {has:?}\n{sql}");
        }
        let Some(Either::Right(wanted)) = prepared.parameters() else { continue };
        let bound = code.split(';').next().unwrap().matches(".bind(").count();
        assert_eq!(bound, wanted, "{place}: the statement takes {wanted} values\n{sql}");
    }
}

#[test]
fn columns_are_found_in_code() {
    let code = r#" row.get("a"), row.get::<i64, _>("b"), row.try_get::<Option<&str>, _>("c")?, map.get(key)"#;
    assert_eq!(columns_read(code), BTreeSet::from(["a", "b", "c"]));
}

/// A column of a table, as `PRAGMA table_info` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TableColumn {
    table: String,
    name: String,
    kind: String,
    not_null: bool,
    default: Option<String>,
}

async fn schema(connection: &mut SqliteConnection) -> Vec<TableColumn> {
    let rows = sqlx::query(
        "SELECT m.name AS tab, c.name AS col, c.type AS kind, c.\"notnull\" AS not_null, c.dflt_value AS dflt
         FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid",
    );
    let rows = rows.fetch_all(connection).await.unwrap();
    let column = |row: &sqlx::sqlite::SqliteRow| TableColumn {
        table: row.get("tab"),
        name: row.get("col"),
        kind: row.get("kind"),
        not_null: row.get("not_null"),
        default: row.get("dflt"),
    };
    rows.iter().map(column).collect()
}

/// Puts a row into every table that has none, with a value for each column.
async fn fill(connection: &mut SqliteConnection, schema: &[TableColumn]) {
    let tables: BTreeSet<&str> = schema.iter().map(|column| column.table.as_str()).collect();
    for table in tables.into_iter().filter(|table| !table.starts_with('_')) {
        let columns: Vec<&TableColumn> = schema.iter().filter(|column| column.table == table).collect();
        let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let values = columns.iter().map(|column| match column.kind.as_str() {
            "INTEGER" | "REAL" => "1",
            "BLOB" => "x'01'",
            _ => "'text'",
        });
        let values: Vec<&str> = values.collect();
        let insert =
            format!("INSERT OR IGNORE INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "));
        sqlx::query(AssertSqlSafe(insert)).execute(&mut *connection).await.unwrap();
    }
}

async fn rows(connection: &mut SqliteConnection, column: &TableColumn) -> Vec<String> {
    let select = format!("SELECT quote(\"{}\") FROM {} ORDER BY 1", column.name, column.table);
    sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(connection).await.unwrap()
}

/// A release may come back on the data of the next one. So each migration keeps every row, every table and every column,
/// and what it adds to a table needs no value of a release that does not know it.
#[tokio::test]
async fn each_migration_keeps_what_the_release_before_reads_and_writes() {
    let all = migrator();
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    connection.execute("PRAGMA foreign_keys = ON").await.unwrap();
    let mut before: Vec<TableColumn> = Vec::new();
    for count in 1..=all.iter().count() {
        let mut kept = Vec::new();
        for column in &before {
            kept.push(rows(&mut connection, column).await);
        }
        let mut migrations = migrator();
        migrations.migrations = all.iter().take(count).cloned().collect::<Vec<_>>().into();
        migrations.run(&mut connection).await.unwrap();
        let name = all.iter().nth(count - 1).map(|migration| migration.description.clone()).unwrap();
        let after = schema(&mut connection).await;
        for (column, rows_before) in before.iter().zip(kept) {
            assert!(after.contains(column), "{name} takes away or changes {column:?}");
            if column.table != MIGRATIONS_TABLE {
                assert_eq!(
                    rows(&mut connection, column).await,
                    rows_before,
                    "{name} changed rows of {column:?}"
                );
            }
        }
        let is_known = |table: &str| before.iter().any(|column| column.table == table);
        for added in after.iter().filter(|column| is_known(&column.table) && !before.contains(column)) {
            assert!(!added.not_null || added.default.is_some(), "{name}: nobody before it writes {added:?}");
        }
        fill(&mut connection, &after).await;
        before = after;
    }
}
