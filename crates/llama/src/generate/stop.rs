//! Stop strings, found in text that comes in pieces.

/// Looks for stop strings, and lets through what can't be part of one.
///
/// What it finds does not depend on how the text is cut into pieces: the stop
/// string that is complete first, and of several that end together the longest.
#[derive(Debug)]
pub(super) struct StopFinder {
    stops: Vec<String>,
    /// The text's end, which may be a stop string's beginning.
    held: String,
}

impl StopFinder {
    /// Looks for any of the texts; none may be empty.
    pub(super) fn new(stops: &[String]) -> Self {
        Self {
            stops: stops.to_vec(),
            held: String::new(),
        }
    }

    /// Takes a piece of the text. Returns what can be shown, and whether a stop
    /// string followed it.
    pub(super) fn push(&mut self, piece: &str) -> (String, bool) {
        self.held.push_str(piece);
        let found = self.stops.iter().filter_map(|stop| {
            let start = self.held.find(stop.as_str())?;
            Some((start + stop.len(), start))
        });
        // The first to end; of those the first to begin, which is the longest.
        if let Some((_, start)) = found.min() {
            self.held.truncate(start);
            return (std::mem::take(&mut self.held), true);
        }
        let shown = self.held.len() - self.possible_beginning();
        let rest = self.held.split_off(shown);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What was held back, once no more text comes.
    pub(super) fn finish(self) -> String {
        self.held
    }

    /// The length of the longest end of the text that begins a stop string.
    fn possible_beginning(&self) -> usize {
        let beginnings = self.stops.iter().filter_map(|stop| {
            let cuts = stop.char_indices().map(|(at, _)| at).rev();
            cuts.into_iter()
                .find(|&at| self.held.ends_with(&stop[..at]))
        });
        beginnings.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text shown, and whether it was stopped.
    fn read(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let stops: Vec<String> = stops.iter().map(|&stop| stop.into()).collect();
        let (mut finder, mut shown) = (StopFinder::new(&stops), String::new());
        for piece in pieces {
            let (text, stopped) = finder.push(piece);
            shown += &text;
            if stopped {
                return (shown, true);
            }
        }
        (shown + &finder.finish(), false)
    }

    #[test]
    fn what_is_found_does_not_depend_on_the_pieces() {
        let cases: [(&[&str], &str, &str, bool); 9] = [
            (&[";"], "SELECT 1; SELECT 2;", "SELECT 1", true),
            (&["\n\n"], "a\nb\n\nc", "a\nb", true),
            (&["aab"], "aaab", "a", true),
            (&["abc", "b"], "xabc", "xa", true),
            (&["bc", "abc"], "xabc", "x", true),
            (&["é€😀"], "né€é€😀", "né€", true),
            (&["no", "nope"], "n n", "n n", false),
            (&["abab"], "abaaba", "abaaba", false),
            (&[], "anything", "anything", false),
        ];
        for (stops, text, shown, stopped) in cases {
            let characters: Vec<String> = text.chars().map(String::from).collect();
            for size in 1..=characters.len() {
                let pieces: Vec<String> = characters.chunks(size).map(|c| c.concat()).collect();
                let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
                assert_eq!(
                    read(stops, &pieces),
                    (shown.to_owned(), stopped),
                    "{stops:?} in {pieces:?}"
                );
            }
        }
    }

    #[test]
    fn only_a_possible_beginning_is_held_back() {
        let mut finder = StopFinder::new(&["</sql>".into(), ";".into()]);
        assert_eq!(finder.push("1 < 2"), ("1 < 2".into(), false));
        assert_eq!(finder.push(" <"), (" ".into(), false));
        assert_eq!(finder.push("/s"), (String::new(), false));
        assert_eq!(finder.push("td"), ("</std".into(), false));
        assert_eq!(finder.push("<"), (String::new(), false));
        assert_eq!(finder.finish(), "<");
    }
}
