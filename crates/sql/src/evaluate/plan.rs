//! In which order cases are run: one gold's cases together, one database's golds together.

use super::Case;

/// Cases in one piece of work. Small, so that threads end at about the same time.
const PIECE: usize = 16;

/// Cases that share database and gold, by index; those with the same prediction follow each other.
pub(super) type Group = Vec<usize>;

/// The groups of `cases` in pieces of about [`PIECE`] cases. A piece has one database, and the pieces
/// of a database follow each other.
///
/// The gold of a group runs once, and its result is held only while the group is worked on, so no
/// cache has to be bounded.
pub(super) fn pieces(cases: &[Case]) -> Vec<Vec<Group>> {
    let mut order: Vec<usize> = (0..cases.len()).collect();
    let key = |index: usize| {
        let case = &cases[index];
        (&case.db_id, &case.context, &case.gold)
    };
    order.sort_by_key(|&index| (key(index), cases[index].prediction(), index));
    let groups = order.chunk_by(|&a, &b| key(a) == key(b));

    let mut pieces: Vec<Vec<Group>> = Vec::new();
    let mut size = 0;
    for group in groups {
        let same_database = |piece: &Vec<Group>| cases[piece[0][0]].db_id == cases[group[0]].db_id;
        match pieces.last_mut().filter(|piece| same_database(piece)) {
            Some(piece) if size < PIECE => piece.push(group.to_vec()),
            _ => {
                pieces.push(vec![group.to_vec()]);
                size = 0;
            }
        }
        size += group.len();
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(db_id: &str, gold: &str) -> Case {
        Case {
            db_id: db_id.into(),
            gold: gold.into(),
            ..Case::default()
        }
    }

    #[test]
    fn one_gold_is_one_group_and_one_database_one_run_of_pieces() {
        let cases = [
            case("b", "1"),
            case("a", "2"),
            case("a", "1"),
            case("b", "1"),
            case("a", "2"),
        ];
        assert_eq!(
            pieces(&cases),
            [vec![vec![2], vec![1, 4]], vec![vec![0, 3]]]
        );
        assert_eq!(pieces(&[]), Vec::<Vec<Group>>::new());
        let predicted = ["z", "y", "z", "x"].map(|predicted| Case {
            predicted: Some(predicted.into()),
            ..case("a", "1")
        });
        assert_eq!(pieces(&predicted), [vec![vec![3, 1, 0, 2]]]);
    }

    #[test]
    fn a_large_database_is_many_pieces() {
        let cases: Vec<Case> = (0..40).map(|n| case("a", &format!("{n:02}"))).collect();
        let sizes: Vec<usize> = pieces(&cases).iter().map(Vec::len).collect();
        assert_eq!(sizes, [16, 16, 8]);
    }
}
