import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.languages import language_of


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "How many points did the defense of the Panthers give up?"),
        ("de", "Wie viele Punkte gab die Verteidigung der Panthers ab?"),
        ("fr", "Quels sont les délais de livraison pour une commande ?"),
        ("es", "¿Cuántos puntos anotó la defensa de los Panthers?"),
        ("it", "Quanti punti ha concesso la difesa nella partita di domenica?"),
        ("pt", "Quantos pontos a defesa não cedeu aos adversários no jogo?"),
        ("nl", "Hoeveel punten heeft de verdediging van het team gekregen?"),
        ("sv", "Hur många poäng gav försvaret upp och vad är det som gäller?"),
        ("pl", "Ile punktów straciła obrona i kto jest jej kapitanem?"),
        ("tr", "Savunma kaç sayı verdi ve bu maç için ne dedi?"),
        ("fi", "Kuinka monta pistettä se oli ja mikä on joukkueen nimi?"),
        ("ru", "Сколько очков пропустила защита?"),
        ("uk", "Скільки очок пропустив захист, та хто він?"),
        ("el", "Πόσους πόντους δέχτηκε η άμυνα;"),
        ("ar", "كم عدد النقاط التي سمح بها الدفاع؟"),
        ("fa", "این تیم در بازی با چه کسی است و چند امتیاز را از دست داد"),
        ("hi", "रक्षा ने कितने अंक दिए?"),
        ("zh", "黑豹队的防守丢了多少分？"),
        ("ja", "東京タワーの高さは何メートルですか"),
        ("ko", "도쿄 타워의 높이는 얼마입니까"),
        ("th", "ทีมรับเสียไปกี่แต้ม"),
        ("he", "כמה נקודות ספגה ההגנה"),
    ],
)
def test_a_sentence_tells_its_language(language: str, text: str) -> None:
    assert language_of(text) == language
    assert language_of(text.upper()) == language


@pytest.mark.parametrize(
    "text", ["", "42 / 2024", "Panthers 24", "Kawann Short", "die hard", "x = y + z"]
)
def test_what_is_no_prose_has_no_language(text: str) -> None:
    assert language_of(text) is None


def test_a_foreign_word_changes_no_language() -> None:
    assert language_of("What is the meaning of 東京 and of μ in the text?") == "en"
    assert language_of("東京 is written 東京タワーの高さは何メートルですか") == "ja"


@given(st.text())
def test_any_text_is_taken_and_the_same_text_says_the_same(text: str) -> None:
    assert language_of(text) == language_of(text)
