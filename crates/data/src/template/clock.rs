//! `strftime_now`: the date that some templates put into their system turn.

use std::time::{SystemTime, UNIX_EPOCH};

use minijinja::{Error, ErrorKind};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// Formats `time`, in UTC and in English, with the directives that chat templates use.
///
/// `%Y %y %m %d %e %j %H %I %M %S %p %B %b %A %a %F %T %%`, and `%-d` and its kin without the leading zero.
///
/// # Errors
/// Any other directive, by name: a wrong date in every prompt would go unseen.
pub(super) fn strftime(time: SystemTime, format: &str) -> Result<String, Error> {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let clock = Clock::new(seconds);
    let mut out = String::new();
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut directive = rest.next();
        let bare = directive == Some('-');
        if bare {
            directive = rest.next();
        }
        let text = directive
            .and_then(|name| clock.field(name))
            .ok_or_else(|| {
                let name: String = directive.into_iter().collect();
                Error::new(
                    ErrorKind::InvalidOperation,
                    format!("strftime_now knows no directive `%{name}` (format `{format}`)"),
                )
            })?;
        let shown = if bare {
            text.trim_start_matches(['0', ' '])
        } else {
            &text
        };
        // `%-H` at midnight is 0, not nothing.
        out.push_str(if bare && shown.is_empty() { "0" } else { shown });
    }
    Ok(out)
}

struct Clock {
    year: u64,
    month: u64,
    day: u64,
    day_of_year: u64,
    weekday: usize,
    second_of_day: u64,
}

impl Clock {
    fn new(seconds: u64) -> Self {
        let days = seconds / 86_400;
        let mut year = 1970;
        let mut day_of_year = days;
        while day_of_year >= 365 + u64::from(is_leap(year)) {
            day_of_year -= 365 + u64::from(is_leap(year));
            year += 1;
        }
        let mut month = 1;
        let mut day = day_of_year;
        while day >= days_in(year, month) {
            day -= days_in(year, month);
            month += 1;
        }
        Self {
            year,
            month,
            day: day + 1,
            day_of_year: day_of_year + 1,
            // 1970-01-01 was a Thursday.
            weekday: ((days + 4) % 7) as usize,
            second_of_day: seconds % 86_400,
        }
    }

    fn field(&self, directive: char) -> Option<String> {
        let (hour, minute) = (self.second_of_day / 3600, self.second_of_day / 60 % 60);
        let second = self.second_of_day % 60;
        let month = MONTHS[self.month as usize - 1];
        let weekday = WEEKDAYS[self.weekday];
        Some(match directive {
            'Y' => format!("{:04}", self.year),
            'y' => format!("{:02}", self.year % 100),
            'm' => format!("{:02}", self.month),
            'd' => format!("{:02}", self.day),
            'e' => format!("{:2}", self.day),
            'j' => format!("{:03}", self.day_of_year),
            'H' => format!("{hour:02}"),
            'I' => format!("{:02}", (hour + 11) % 12 + 1),
            'M' => format!("{minute:02}"),
            'S' => format!("{second:02}"),
            'p' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'B' => month.to_owned(),
            'b' => month[..3].to_owned(),
            'A' => weekday.to_owned(),
            'a' => weekday[..3].to_owned(),
            'F' => format!("{:04}-{:02}-{:02}", self.year, self.month, self.day),
            'T' => format!("{hour:02}:{minute:02}:{second:02}"),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Expected values: `datetime.fromtimestamp(t, timezone.utc).strftime(..)` of Python 3.11.
    #[test]
    fn dates_are_those_of_python() {
        let all = "%Y %y %m %d %e %j %H %I %M %S %p %B %b %A %a %F %T %% %-d %-H";
        let cases = [
            (
                0,
                "1970 70 01 01  1 001 00 12 00 00 AM January Jan Thursday Thu 1970-01-01 00:00:00 % 1 0",
            ),
            (
                951_782_399,
                "2000 00 02 28 28 059 23 11 59 59 PM February Feb Monday Mon 2000-02-28 23:59:59 % 28 23",
            ),
            (
                1_735_646_706,
                "2024 24 12 31 31 366 12 12 05 06 PM December Dec Tuesday Tue 2024-12-31 12:05:06 % 31 12",
            ),
            (
                4_107_542_400,
                "2100 00 03 01  1 060 00 12 00 00 AM March Mar Monday Mon 2100-03-01 00:00:00 % 1 0",
            ),
        ];
        for (seconds, expected) in cases {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(strftime(time, all).unwrap(), expected);
        }
    }

    #[test]
    fn an_unknown_directive_is_named() {
        let text = strftime(UNIX_EPOCH, "%d %Q").unwrap_err().to_string();
        assert!(
            text.contains("no directive `%Q` (format `%d %Q`)"),
            "{text}"
        );
    }
}
