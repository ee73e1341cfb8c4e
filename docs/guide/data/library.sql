-- The guide's database: a small library. Made into `databases/library/library.sqlite` by
-- python3 -c "import sqlite3; sqlite3.connect('databases/library/library.sqlite').executescript(open('library.sql').read())"
CREATE TABLE author (author_id INTEGER PRIMARY KEY, name TEXT, country TEXT, born INTEGER);
CREATE TABLE book (
  book_id INTEGER PRIMARY KEY, title TEXT, author_id INTEGER REFERENCES author (author_id),
  year INTEGER, genre TEXT, copies INTEGER
);
CREATE TABLE member (member_id INTEGER PRIMARY KEY, name TEXT, city TEXT, joined INTEGER);
CREATE TABLE loan (
  loan_id INTEGER PRIMARY KEY, book_id INTEGER REFERENCES book (book_id),
  member_id INTEGER REFERENCES member (member_id), lent_on TEXT, returned_on TEXT -- NULL while it is out
);
INSERT INTO author VALUES
  (1, 'Ines Okoro', 'Nigeria', 1951), (2, 'Tomas Lind', 'Sweden', 1938), (3, 'Aiko Mori', 'Japan', 1967),
  (4, 'Grace Hale', 'Ireland', 1945), (5, 'Paolo Ricci', 'Italy', 1972), (6, 'Lena Berg', 'Sweden', 1980),
  (7, 'Samuel Obi', 'Nigeria', 1990);
INSERT INTO book VALUES
  (1, 'The Salt Road', 1, 1984, 'novel', 4), (2, 'Winter Ferry', 2, 1969, 'novel', 2), (3, 'Paper Cranes', 3, 1999, 'poetry', 1),
  (4, 'The Peat Fire', 4, 1978, 'history', 3), (5, 'A Map of Noise', 5, 2008, 'science', 2), (6, 'Ferry Songs', 2, 1975, 'poetry', 1),
  (7, 'Light in Lagos', 1, 1992, 'novel', 5), (8, 'Small Machines', 5, 2015, 'science', 3), (9, 'Northern Birds', 6, 2011, 'science', 2),
  (10, 'The Tin Year', 4, 1983, 'history', 2), (11, 'Still Water', 3, 2004, 'novel', 3), (12, 'Market Day', 7, 2020, 'novel', 1),
  (13, 'Glass Gardens', 6, 2018, 'poetry', 2), (14, 'The Long Shelf', 6, 2023, 'novel', 1);
INSERT INTO member VALUES
  (1, 'Ann Dole', 'Bath', 2016), (2, 'Ben Roe', 'Leeds', 2018), (3, 'Cara Voss', 'Bath', 2019), (4, 'Dan Pike', 'York', 2019),
  (5, 'Eva Lund', 'Leeds', 2021), (6, 'Finn Gray', 'Bath', 2022), (7, 'Gita Rao', 'York', 2023), (8, 'Hugo Marsh', 'Hull', 2023);
INSERT INTO loan VALUES
  (1, 1, 1, '2024-01-05', '2024-01-20'), (2, 7, 1, '2024-01-22', '2024-02-11'), (3, 3, 2, '2024-01-30', '2024-02-03'),
  (4, 5, 3, '2024-02-02', NULL), (5, 2, 3, '2024-02-02', '2024-03-01'), (6, 7, 4, '2024-02-14', '2024-03-02'),
  (7, 11, 5, '2024-02-20', '2024-03-04'), (8, 8, 5, '2024-03-05', NULL), (9, 9, 6, '2024-03-06', '2024-03-19'),
  (10, 1, 2, '2024-03-09', '2024-03-30'), (11, 4, 1, '2024-03-11', NULL), (12, 12, 7, '2024-03-15', '2024-03-28'),
  (13, 7, 3, '2024-03-21', NULL), (14, 13, 6, '2024-04-01', '2024-04-09'), (15, 8, 7, '2024-04-02', '2024-04-20'),
  (16, 10, 4, '2024-04-05', NULL), (17, 1, 5, '2024-04-11', '2024-04-25'), (18, 6, 2, '2024-04-12', NULL), (19, 7, 7, '2024-04-22', '2024-05-06');
