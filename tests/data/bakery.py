"""The texts of the sample files: the papers of a made-up bakery in Larkspur Street."""

WELCOME = """\
Welcome to Larkspur Street Bakery

Larkspur Street Bakery opened in the spring of 1987 in what used to be a bicycle workshop. The two
founders, Agnes Holloway and Petra Lindqvist, kept the old lathe; it still stands beside the till
and holds the paper bags.

We bake eleven kinds of bread. The best known is the harbour rye, a dark loaf of three kilos that
keeps for nine days and is cut with the long saw knife on the wall. It takes thirty hours from the
first feeding of the sourdough to the moment it leaves the oven.

New colleagues start at four in the morning in their first month, together with whoever bakes the
rye. Nobody works the oven alone before the oven master has signed the green card. The green card
hangs on the hook behind the flour scale.

If you lose your key, tell Agnes the same day. A new lock costs more than a red face.
"""

HANDBOOK = """\
# Handbook of Larkspur Street Bakery

This is what we do when nobody is there to ask.

## Sourdough

The mother lives in the grey crock on the lower shelf of the cold room. Feed it at six in the
evening: one part mother, two parts rye flour, two parts water at 28 degrees.

### When the mother smells of acetone

It is hungry, not ill. Throw half of it away, feed the rest twice with twelve hours between, and
write it in the book.

## Complaints

Replace the loaf first and ask afterwards. A customer who found a stone in the bread gets the loaf
replaced, the money back and a call from Petra on the same day.

## Holidays

Every colleague has 28 days of leave a year. Requests for July and December go on the list by the
end of February; whoever had Christmas off last year comes last.

| Shift | Starts | Ends | Break |
|-------|--------|------|-------|
| Night | 22:00 | 06:00 | 45 minutes |
| Early | 04:00 | 12:00 | 45 minutes |
| Shop | 07:00 | 15:30 | 30 minutes |
"""

OPENING_HOURS = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Opening hours</title></head>
<body>
<h1>Opening hours and directions</h1>
<p>The shop is open from Tuesday to Sunday. On Mondays the ovens are cleaned and nobody answers the
telephone.</p>
<h2>Hours</h2>
<table>
<tr><th>Day</th><th>Opens</th><th>Closes</th></tr>
<tr><td>Tuesday to Friday</td><td>06:30</td><td>18:00</td></tr>
<tr><td>Saturday</td><td>06:00</td><td>14:00</td></tr>
<tr><td>Sunday</td><td>07:30</td><td>11:30</td></tr>
</table>
<h2>How to find us</h2>
<p>Take the tram number 4 to Customs House and walk towards the water. The door is blue; parking is
possible in the yard behind the fish hall, for twenty minutes.</p>
<ul><li>Wheelchairs: by the ramp in the yard.</li><li>Dogs wait outside, there is a bowl.</li></ul>
</body>
</html>
"""

ROTA = """\
week\tnight\tearly\tshop
36\tPetra\tJonas and Mei\tAgnes
37\tJonas\tPetra and Mei\tRosalind
38\tMei\tPetra and Jonas\tRosalind
39\tPetra\tMei alone, the oven rests\tAgnes
"""

SUPPLIERS = """\
supplier,goods,delivers on,minimum order,contact
Marsh Mill,rye and wheat flour,Monday,200 kg,"Tobias Marsh, at the weighbridge"
Oakhaven Dairy,butter and cream,Tuesday and Friday,15 kg,Ines Ferreira
Salt of the Bay,coarse sea salt,first Monday of the month,25 kg,Olu Adeyemi
Hillside Orchards,apples and plums,Thursday in season,40 kg,Maren Vik
Kettle & Comb,heather honey,on request,6 jars,"the beekeeper, after dusk"
"""

RECIPES = {
    "bakery": "Larkspur Street Bakery",
    "revised": "2026-02-14",
    "recipes": [
        {
            "name": "Harbour rye",
            "yield": "12 loaves of 3 kg",
            "ingredients": {"rye flour": "19 kg", "sourdough": "7 kg", "water": "14 l"},
            "steps": ["Mix for eight minutes", "Rest for two hours", "Bake for 140 minutes"],
            "oven": {"start": "260 degrees", "end": "180 degrees", "steam": True},
        },
        {
            "name": "Plum slice",
            "yield": "4 trays",
            "ingredients": {"wheat flour": "6 kg", "butter": "2.5 kg", "plums": "20 kg"},
            "steps": ["Roll thin", "Lay the plums like roof tiles", "Bake for 35 minutes"],
            "oven": {"start": "200 degrees", "end": "200 degrees", "steam": False},
        },
        {
            "name": "Cardamom knots",
            "yield": "150 pieces",
            "ingredients": {"wheat flour": "8 kg", "milk": "4 l", "cardamom": "120 g"},
            "steps": ["Knead until it sings", "Tie while cold", "Brush with egg"],
            "oven": {"start": "220 degrees", "end": "220 degrees", "steam": False},
        },
    ],
}

ORDERS = [
    {
        "order": 4101,
        "customer": "Hotel Meridian",
        "item": "Cardamom knots",
        "pieces": 80,
        "note": "Deliver to the kitchen door before seven.",
    },
    {
        "order": 4102,
        "customer": "Saint Brendan's School",
        "item": "Soft rolls",
        "pieces": 240,
        "note": "No sesame: two children are allergic.",
    },
    {
        "order": 4103,
        "customer": "The Lighthouse",
        "item": "Harbour rye",
        "pieces": 6,
        "note": "Sliced thick, for the soup evening.",
    },
    {
        "order": 4104,
        "customer": "Mrs Okonkwo",
        "item": "Wedding cake",
        "pieces": 1,
        "note": "Three tiers, lemon and elderflower, collected on Saturday at noon.",
    },
]

OVEN_MANUAL = [
    [
        "# Stone oven Vulcan 12: manual",
        "This manual belongs to the deck oven in the back room. The oven has three decks of basalt"
        " and burns beech logs or gas. Read the chapter on firing before you light it for the first"
        " time.",
        "Firing: open the damper fully, lay the kindling crosswise on the lowest deck and light it"
        " from the front. The stone needs four hours to reach 260 degrees. Never pour water on hot"
        " basalt, it will crack.",
        "The thermometer on the left shows the temperature of the stone, the one on the right that"
        " of the air. Bread is baked by the stone.",
    ],
    [
        "# Warranty and service",
        "The maker gives a warranty of seven years on the decks and the vault, and of two years on"
        " the burner, the door seals and the lamps. The warranty begins on the day of installation"
        " and ends early if anyone but an authorised fitter opens the burner.",
        "To claim, send the serial number and a photograph of the damage to the service desk within"
        " thirty days. The serial number is stamped on the brass plate under the ash drawer.",
        "The chimney is swept twice a year, in March and in September. The door seals are replaced"
        " when a strip of paper slides out of the closed door.",
    ],
    [
        "# When something is wrong",
        "Smoke in the room: the damper is closed or the chimney is cold. Open the window, then the"
        " damper, and burn a sheet of newspaper in the flue.",
        "Pale crust: the stone was hot but the air was not. Leave the door closed for the first"
        " twenty minutes and check the right thermometer.",
        "Emergency stop: turn the red lever beside the door a quarter to the left. It cuts the gas"
        " and drops the damper. Afterwards the oven may be lit again by the oven master only.",
    ],
]

HYGIENE_PLAN: list[tuple[str, str] | list[list[str]]] = [
    ("Heading1", "Hygiene plan"),
    (
        "",
        "This plan is checked every quarter by the district office. The signed lists are kept for"
        " three years in the red binder.",
    ),
    ("Heading2", "Cleaning"),
    (
        "",
        "Worktops are scraped dry after each dough and washed with soda at the end of the shift."
        " Bleach is never used near the mother.",
    ),
    [
        ["Area", "How often", "With what", "Who"],
        ["Worktops", "every shift", "soda", "the baker"],
        ["Cold room", "weekly", "vinegar", "the early shift"],
        ["Proofing baskets", "monthly", "brush, then sun", "the apprentice"],
    ],
    ("Heading2", "Allergens"),
    (
        "",
        "Nuts are weighed on the blue scale only and stored in the cupboard with the lock. When a"
        " nut cake was baked, the deck is brushed and the next batch is rye.",
    ),
    ("Heading2", "Pests"),
    (
        "",
        "Flour moths: freeze the sack at minus 18 degrees for four days, then sieve. Call the pest"
        " controller, Mr Abernathy, if a trap holds more than five in a week.",
    ),
]

TRAINING = [
    (
        "First week at the bakery",
        [
            "Shoes with a closed heel",
            "Hair under the cap",
            "Hands to the elbow, for thirty seconds",
        ],
    ),
    (
        "Lifting flour",
        [
            "A sack weighs 25 kg",
            "Two people from the third sack on",
            "Bend the knees, keep the sack close",
        ],
    ),
    (
        "In case of fire",
        [
            "Close the damper and leave by the yard",
            "The extinguisher hangs beside the cold room",
            "We meet at the statue of the fishwife",
        ],
    ),
]

PRICE_LIST: dict[str, list[list[str | float]]] = {
    "Bread": [
        ["Product", "Weight in grams", "Price in euro"],
        ["Harbour rye", 3000, 14.5],
        ["Wheat sourdough", 1000, 6.2],
        ["Spelt and honey", 750, 5.8],
    ],
    "Pastry": [
        ["Product", "Pieces in a box", "Price in euro"],
        ["Cardamom knot", 6, 15],
        ["Plum slice", 4, 13.2],
        ["Almond crescent", 8, 18.4],
    ],
}
