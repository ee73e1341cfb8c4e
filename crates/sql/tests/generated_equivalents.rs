//! Right answers in other words: no generated database may tell them from the gold.

use anneal_sql::{Budget, GenerateOptions, Judgement, Schema, generate};

/// Keys declared, references NOT NULL where it says so.
const SHOP: &str = "
    CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, city TEXT);
    CREATE TABLE product (id INTEGER PRIMARY KEY, title TEXT NOT NULL, price REAL NOT NULL, kind TEXT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer (id), placed DATE, total INTEGER NOT NULL);
    CREATE TABLE line (order_id INTEGER NOT NULL REFERENCES orders (id), product_id INTEGER NOT NULL REFERENCES product (id), amount INTEGER NOT NULL, PRIMARY KEY (order_id, product_id));";

/// A reference into its own table, one of two columns, one that may be NULL.
const FIRM: &str = "
    CREATE TABLE site (country TEXT, code TEXT, town TEXT, PRIMARY KEY (country, code));
    CREATE TABLE worker (id INTEGER PRIMARY KEY, name TEXT NOT NULL, boss INTEGER REFERENCES worker (id), pay INTEGER NOT NULL, country TEXT NOT NULL, code TEXT NOT NULL, car TEXT UNIQUE, FOREIGN KEY (country, code) REFERENCES site (country, code));";

const IN_SHOP: [(&str, &str); 25] = [
    (
        "SELECT id FROM customer",
        "SELECT DISTINCT id FROM customer",
    ),
    (
        "SELECT email FROM customer",
        "SELECT DISTINCT email FROM customer",
    ),
    (
        "SELECT count(*) FROM customer",
        "SELECT count(DISTINCT id) FROM customer",
    ),
    (
        "SELECT count(*) FROM customer",
        "SELECT count(DISTINCT email) FROM customer",
    ),
    (
        "SELECT count(*) FROM customer",
        "SELECT count(name) FROM customer",
    ),
    (
        "SELECT DISTINCT city FROM customer",
        "SELECT city FROM customer GROUP BY city",
    ),
    (
        "SELECT name FROM customer WHERE city = 'Ulm'",
        "SELECT c.name FROM customer AS c WHERE 'Ulm' = c.city",
    ),
    (
        "SELECT name FROM customer WHERE city IN ('Ulm', 'Bern')",
        "SELECT name FROM customer WHERE city = 'Bern' OR city = 'Ulm'",
    ),
    (
        "SELECT title FROM product WHERE price BETWEEN 5 AND 9",
        "SELECT title FROM product WHERE price >= 5 AND price <= 9",
    ),
    (
        "SELECT title FROM product WHERE NOT price > 5",
        "SELECT title FROM product WHERE price <= 5.0",
    ),
    (
        "SELECT title FROM product WHERE price = (SELECT max(price) FROM product)",
        "SELECT title FROM product WHERE price >= (SELECT max(price) FROM product)",
    ),
    (
        "SELECT max(price) FROM product",
        "SELECT price FROM product ORDER BY price DESC LIMIT 1",
    ),
    (
        "SELECT avg(total) FROM orders",
        "SELECT sum(total) * 1.0 / count(*) FROM orders",
    ),
    (
        "SELECT avg(total) FROM orders",
        "SELECT CAST(sum(total) AS REAL) / count(id) FROM orders",
    ),
    (
        "SELECT c.name FROM customer AS c JOIN orders AS o ON o.customer_id = c.id WHERE o.total > 9",
        "SELECT c.name FROM orders AS o, customer AS c WHERE c.id = o.customer_id AND o.total > 9",
    ),
    (
        "SELECT name FROM customer WHERE id IN (SELECT customer_id FROM orders)",
        "SELECT name FROM customer AS c WHERE EXISTS (SELECT 1 FROM orders AS o WHERE o.customer_id = c.id)",
    ),
    (
        "SELECT name FROM customer WHERE id NOT IN (SELECT customer_id FROM orders)",
        "SELECT c.name FROM customer AS c LEFT JOIN orders AS o ON o.customer_id = c.id WHERE o.id IS NULL",
    ),
    (
        "SELECT id FROM customer EXCEPT SELECT customer_id FROM orders",
        "SELECT id FROM customer WHERE id NOT IN (SELECT customer_id FROM orders)",
    ),
    (
        "SELECT DISTINCT customer_id FROM orders",
        "SELECT id FROM customer INTERSECT SELECT customer_id FROM orders",
    ),
    (
        "SELECT c.name, count(*) FROM customer AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id",
        "SELECT c.name, count(o.id) FROM customer AS c INNER JOIN orders AS o ON c.id = o.customer_id GROUP BY c.id, c.name",
    ),
    (
        "SELECT c.name, count(o.id) FROM customer AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id",
        "SELECT name, (SELECT count(*) FROM orders WHERE customer_id = customer.id) FROM customer",
    ),
    (
        "SELECT o.total FROM orders AS o JOIN customer AS c ON o.customer_id = c.id",
        "SELECT total FROM orders",
    ),
    (
        "SELECT sum(l.amount * p.price) FROM line AS l JOIN product AS p ON p.id = l.product_id",
        "SELECT sum(amount * price) FROM product JOIN line ON product_id = product.id",
    ),
    (
        "SELECT order_id FROM line GROUP BY order_id HAVING count(*) >= 2",
        "SELECT order_id FROM line GROUP BY order_id HAVING count(DISTINCT product_id) > 1",
    ),
    (
        "SELECT name FROM customer ORDER BY email",
        "SELECT c.name FROM customer AS c ORDER BY c.email ASC, c.id DESC",
    ),
];

const IN_FIRM: [(&str, &str); 15] = [
    (
        "SELECT w.name, b.name FROM worker AS w JOIN worker AS b ON w.boss = b.id",
        "SELECT w.name, (SELECT name FROM worker AS b WHERE b.id = w.boss) FROM worker AS w WHERE w.boss IS NOT NULL",
    ),
    (
        "SELECT count(*) FROM worker WHERE boss IS NOT NULL",
        "SELECT count(boss) FROM worker",
    ),
    (
        "SELECT count(*) FROM worker AS w JOIN worker AS b ON w.boss = b.id",
        "SELECT count(boss) FROM worker",
    ),
    (
        "SELECT w.name FROM worker AS w JOIN site AS s ON w.country = s.country AND w.code = s.code",
        "SELECT name FROM worker",
    ),
    (
        "SELECT w.name, s.town FROM worker AS w JOIN site AS s ON w.country = s.country AND w.code = s.code",
        "SELECT name, town FROM worker LEFT JOIN site USING (country, code)",
    ),
    (
        "SELECT count(*) FROM site",
        "SELECT count(*) FROM (SELECT DISTINCT country, code FROM site)",
    ),
    (
        "SELECT country, code FROM site",
        "SELECT country, code FROM site GROUP BY country, code",
    ),
    (
        "SELECT car FROM worker WHERE car IS NOT NULL",
        "SELECT DISTINCT car FROM worker WHERE NOT car IS NULL",
    ),
    (
        "SELECT count(car) FROM worker",
        "SELECT count(DISTINCT car) FROM worker",
    ),
    (
        "SELECT name FROM worker WHERE pay > (SELECT avg(pay) FROM worker)",
        "WITH mean AS (SELECT avg(pay) AS p FROM worker) SELECT name FROM worker, mean WHERE pay > p",
    ),
    (
        "SELECT name FROM worker WHERE id NOT IN (SELECT boss FROM worker WHERE boss IS NOT NULL)",
        "SELECT name FROM worker AS w WHERE NOT EXISTS (SELECT * FROM worker AS u WHERE u.boss = w.id)",
    ),
    (
        "SELECT boss, count(*) FROM worker WHERE boss IS NOT NULL GROUP BY boss",
        "SELECT b.id, count(*) FROM worker AS b JOIN worker AS w ON w.boss = b.id GROUP BY b.id",
    ),
    (
        "SELECT country, max(pay) FROM worker GROUP BY country",
        "SELECT DISTINCT country, max(pay) OVER (PARTITION BY country) FROM worker",
    ),
    (
        "SELECT name FROM worker WHERE name LIKE 'A%'",
        "SELECT name FROM worker WHERE lower(name) LIKE 'a%'",
    ),
    (
        "SELECT name, pay FROM worker ORDER BY pay DESC, id LIMIT 3",
        "SELECT name, pay FROM (SELECT * FROM worker ORDER BY pay DESC, id ASC LIMIT 3) ORDER BY pay DESC, id",
    ),
];

#[test]
fn forty_pairs_of_equal_queries_are_told_apart_nowhere() {
    let mut failed = Vec::new();
    for (context, pairs) in [(SHOP, &IN_SHOP[..]), (FIRM, &IN_FIRM[..])] {
        let schema = Schema::parse(context).unwrap();
        for (one, two) in pairs {
            for (gold, prediction) in [(one, two), (two, one)] {
                for seed in 0..3 {
                    let options = GenerateOptions {
                        seed,
                        ..GenerateOptions::default()
                    };
                    let made = generate(&schema, gold, &options).unwrap();
                    let verdict = made.suite.judge(gold, prediction, &Budget::default());
                    if verdict != Judgement::Correct {
                        failed.push(format!(
                            "seed {seed}: {gold}\n  {prediction}\n  {verdict:?}"
                        ));
                    }
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}\n{}", failed.len(), failed.join("\n"));
}

/// What is told apart unless a key or NOT NULL is declared: a schema that lacks them says that such rows may exist.
#[test]
fn without_declared_keys_duplicates_and_nulls_count() {
    let bare = "CREATE TABLE customer (id INTEGER, email TEXT, city TEXT); CREATE TABLE orders (id INTEGER, customer_id INTEGER, total INTEGER)";
    let schema = Schema::parse(bare).unwrap();
    for (gold, prediction) in [
        (
            "SELECT email FROM customer",
            "SELECT DISTINCT email FROM customer",
        ),
        (
            "SELECT id FROM customer",
            "SELECT DISTINCT id FROM customer",
        ),
        (
            "SELECT count(*) FROM customer",
            "SELECT count(city) FROM customer",
        ),
        (
            "SELECT count(*) FROM customer",
            "SELECT count(DISTINCT id) FROM customer",
        ),
        (
            "SELECT o.total FROM orders AS o JOIN customer AS c ON o.customer_id = c.id",
            "SELECT total FROM orders",
        ),
    ] {
        let made = generate(&schema, gold, &GenerateOptions::default()).unwrap();
        let verdict = made.suite.judge(gold, prediction, &Budget::default());
        assert!(
            matches!(verdict, Judgement::Wrong(_)),
            "{gold}\n{prediction}"
        );
    }
}
