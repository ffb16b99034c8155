//! What invented people are made of. Names of towns and families are put together from syllables, so that a
//! large file has as many of them as a real one has.

use exchange_kit::random::Stream;

const GIVEN_WOMEN: [&str; 96] = [
    "Mary",
    "Patricia",
    "Jennifer",
    "Linda",
    "Elizabeth",
    "Barbara",
    "Susan",
    "Jessica",
    "Sarah",
    "Karen",
    "Lisa",
    "Nancy",
    "Betty",
    "Margaret",
    "Sandra",
    "Ashley",
    "Kimberly",
    "Emily",
    "Donna",
    "Michelle",
    "Carol",
    "Amanda",
    "Dorothy",
    "Melissa",
    "Deborah",
    "Stephanie",
    "Rebecca",
    "Sharon",
    "Laura",
    "Cynthia",
    "Kathleen",
    "Amy",
    "Angela",
    "Shirley",
    "Anna",
    "Brenda",
    "Pamela",
    "Emma",
    "Nicole",
    "Helen",
    "Samantha",
    "Katherine",
    "Christine",
    "Debra",
    "Rachel",
    "Carolyn",
    "Janet",
    "Catherine",
    "Maria",
    "Heather",
    "Diane",
    "Ruth",
    "Julie",
    "Olivia",
    "Joyce",
    "Virginia",
    "Victoria",
    "Kelly",
    "Lauren",
    "Christina",
    "Joan",
    "Evelyn",
    "Judith",
    "Megan",
    "Andrea",
    "Cheryl",
    "Hannah",
    "Jacqueline",
    "Martha",
    "Gloria",
    "Teresa",
    "Ann",
    "Sara",
    "Madison",
    "Frances",
    "Kathryn",
    "Janice",
    "Jean",
    "Abigail",
    "Alice",
    "Julia",
    "Judy",
    "Sophia",
    "Grace",
    "Denise",
    "Amber",
    "Doris",
    "Marilyn",
    "Danielle",
    "Beverly",
    "Isabella",
    "Theresa",
    "Diana",
    "Natalie",
    "Brittany",
    "Charlotte",
];

const GIVEN_MEN: [&str; 96] = [
    "James",
    "Robert",
    "John",
    "Michael",
    "David",
    "William",
    "Richard",
    "Joseph",
    "Thomas",
    "Charles",
    "Christopher",
    "Daniel",
    "Matthew",
    "Anthony",
    "Mark",
    "Donald",
    "Steven",
    "Paul",
    "Andrew",
    "Joshua",
    "Kenneth",
    "Kevin",
    "Brian",
    "George",
    "Timothy",
    "Ronald",
    "Edward",
    "Jason",
    "Jeffrey",
    "Ryan",
    "Jacob",
    "Gary",
    "Nicholas",
    "Eric",
    "Jonathan",
    "Stephen",
    "Larry",
    "Justin",
    "Scott",
    "Brandon",
    "Benjamin",
    "Samuel",
    "Gregory",
    "Alexander",
    "Frank",
    "Patrick",
    "Raymond",
    "Jack",
    "Dennis",
    "Jerry",
    "Tyler",
    "Aaron",
    "Jose",
    "Adam",
    "Nathan",
    "Henry",
    "Douglas",
    "Zachary",
    "Peter",
    "Kyle",
    "Ethan",
    "Walter",
    "Noah",
    "Jeremy",
    "Christian",
    "Keith",
    "Roger",
    "Terry",
    "Gerald",
    "Harold",
    "Sean",
    "Austin",
    "Carl",
    "Arthur",
    "Lawrence",
    "Dylan",
    "Jesse",
    "Jordan",
    "Bryan",
    "Billy",
    "Joe",
    "Bruce",
    "Gabriel",
    "Logan",
    "Albert",
    "Willie",
    "Alan",
    "Juan",
    "Wayne",
    "Elijah",
    "Randy",
    "Roy",
    "Vincent",
    "Ralph",
    "Eugene",
    "Russell",
];

/// Pairs of names that parents give to twins because they are alike.
pub(super) const LIKE_NAMED: [(&str, &str); 10] = [
    ("Jayden", "Hayden"),
    ("Madison", "Addison"),
    ("Brandon", "Brendan"),
    ("Ella", "Emma"),
    ("Marcus", "Marius"),
    ("Kayla", "Kyla"),
    ("Aidan", "Adrian"),
    ("Taylor", "Tyler"),
    ("Daniel", "Danielle"),
    ("Christian", "Christina"),
];

/// What people are called at home; the first is what the card says.
pub(super) const SHORT: [(&str, &str); 28] = [
    ("Robert", "Bob"),
    ("William", "Bill"),
    ("Richard", "Rick"),
    ("Margaret", "Peggy"),
    ("Elizabeth", "Liz"),
    ("Katherine", "Kate"),
    ("James", "Jim"),
    ("Michael", "Mike"),
    ("Joseph", "Joe"),
    ("Thomas", "Tom"),
    ("Patricia", "Trish"),
    ("Jennifer", "Jen"),
    ("Christopher", "Chris"),
    ("Daniel", "Dan"),
    ("Matthew", "Matt"),
    ("Anthony", "Tony"),
    ("Deborah", "Debbie"),
    ("Rebecca", "Becky"),
    ("Susan", "Sue"),
    ("Charles", "Chuck"),
    ("Edward", "Ted"),
    ("Timothy", "Tim"),
    ("Samuel", "Sam"),
    ("Benjamin", "Ben"),
    ("Steven", "Stephen"),
    ("Sarah", "Sara"),
    ("Theresa", "Terry"),
    ("Alexander", "Alex"),
];

const FAMILY_BEGIN: [&str; 48] = [
    "Ander", "Bar", "Black", "Brad", "Brook", "Cald", "Car", "Chap", "Clay", "Col", "Craw", "Dal",
    "Dun", "East", "Ed", "Fair", "Fen", "Gar", "Gold", "Gran", "Hal", "Har", "Haw", "Hen", "Hol",
    "Kel", "King", "Lang", "Law", "Mac", "Mar", "Mer", "Mont", "Nor", "Oak", "Pem", "Quin", "Ran",
    "Red", "Rock", "Sal", "Shel", "Stan", "Thorn", "Van", "Wal", "West", "Wood",
];

const FAMILY_END: [&str; 44] = [
    "son", "ton", "ford", "ley", "man", "well", "field", "ridge", "ham", "worth", "berg", "stone",
    "dale", "ward", "more", "land", "brook", "by", "er", "gate", "hurst", "ing", "kins", "low",
    "mond", "ner", "over", "park", "quist", "ridge", "sen", "sley", "stead", "strom", "thorpe",
    "tree", "vale", "ville", "way", "wick", "wood", "yard", "ez", "ovic",
];

const FAMILY_MARKED: [&str; 8] = [
    "Núñez",
    "O'Connor",
    "García",
    "Müller",
    "D'Angelo",
    "Peña",
    "Søndergaard",
    "Lefèvre",
];

const STREETS: [&str; 60] = [
    "Alder",
    "Aspen",
    "Birch",
    "Bluff",
    "Bridge",
    "Canal",
    "Cedar",
    "Chapel",
    "Cherry",
    "Chestnut",
    "Church",
    "Clark",
    "College",
    "Cottage",
    "Crescent",
    "Dogwood",
    "Elm",
    "Forest",
    "Foundry",
    "Franklin",
    "Garden",
    "Granite",
    "Grove",
    "Harbor",
    "Hickory",
    "High",
    "Highland",
    "Hill",
    "Jackson",
    "Jefferson",
    "Juniper",
    "Lake",
    "Lantern",
    "Laurel",
    "Liberty",
    "Lincoln",
    "Locust",
    "Madison",
    "Magnolia",
    "Main",
    "Maple",
    "Market",
    "Meadow",
    "Mill",
    "Monroe",
    "Mulberry",
    "Oak",
    "Orchard",
    "Park",
    "Pine",
    "Pleasant",
    "Poplar",
    "Prospect",
    "River",
    "School",
    "Spring",
    "Spruce",
    "Summit",
    "Walnut",
    "Willow",
];

/// A kind of street, long and short.
pub(super) const KINDS: [(&str, &str); 6] = [
    ("Street", "St"),
    ("Avenue", "Ave"),
    ("Road", "Rd"),
    ("Drive", "Dr"),
    ("Lane", "Ln"),
    ("Court", "Ct"),
];

const STATES: [&str; 16] = [
    "OH", "NY", "WI", "MN", "IL", "PA", "MI", "KS", "NE", "DE", "TX", "CA", "FL", "GA", "WA", "NC",
];

/// One of `items`; the first ones more often, as with names.
fn skewed<'a, T>(stream: &mut Stream, items: &'a [T]) -> &'a T {
    let bound = u64::try_from(items.len()).unwrap_or(1);
    let place = stream.below(bound).min(stream.below(bound));
    &items[usize::try_from(place).unwrap_or(0)]
}

pub(super) fn given(stream: &mut Stream, woman: bool) -> String {
    let pool = if woman { &GIVEN_WOMEN } else { &GIVEN_MEN };
    (*skewed(stream, pool)).to_owned()
}

pub(super) fn family(stream: &mut Stream) -> String {
    match stream.below(100) {
        0..3 => (*stream.pick(&FAMILY_MARKED)).to_owned(),
        3..5 => format!("{}-{}", plain_family(stream), plain_family(stream)),
        _ => plain_family(stream),
    }
}

fn plain_family(stream: &mut Stream) -> String {
    let begin = skewed(stream, &FAMILY_BEGIN);
    format!("{begin}{}", skewed(stream, &FAMILY_END))
}

/// Street without its number.
pub(super) fn street(stream: &mut Stream) -> (String, usize) {
    let name = (*stream.pick(&STREETS)).to_owned();
    let kinds = u64::try_from(KINDS.len()).unwrap_or(1);
    (name, usize::try_from(stream.below(kinds)).unwrap_or(0))
}

/// City, state and postal code.
pub(super) fn town(stream: &mut Stream) -> (String, String, String) {
    let number = stream.below(400);
    // A town of a number is always the same town.
    let mut own = Stream::new(number, &["town"]);
    let begin = *own.pick(&FAMILY_BEGIN);
    let city = format!(
        "{begin}{}",
        own.pick(&["burg", "port", " City", "view", " Falls"])
    );
    let state = (*own.pick(&STATES)).to_owned();
    let area = 100 + own.below(800);
    let code = format!("{area:03}{:02}", stream.below(8) + 10 * (number % 10));
    (city, state, code)
}
