/// Writes a number as Go's `%v` does: the fewest digits that read back as the same number, with an exponent below 1e-4
/// and from 1e21 ([`strconv.FormatFloat`](https://pkg.go.dev/strconv#FormatFloat), format `g` as `fmt` uses it).
pub(crate) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("Rust writes an exponent here");
    let exponent: i32 = exponent.parse().expect("Rust writes a whole exponent");
    if (-4..21).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, text) in [
            (1.10, "1.1"),
            (1000.0, "1000"),
            (0.5, "0.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-07"),
            (0.0001, "0.0001"),
            (-2.0, "-2"),
        ] {
            assert_eq!(float(value), text);
        }
    }
}
