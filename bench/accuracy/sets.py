"""The sets of the accuracy tables: files, split, and the parameters of each model, which were chosen on a slice of the training part."""
import dataclasses


@dataclasses.dataclass
class Set:
    train: str  # below the folder of the sets
    test: str = ""  # a file of the published split; without one `split` cuts
    items: str = ""  # what is known of items
    counted: bool = False  # train and test are lists whose first number is how many items follow
    split: str = "auto"
    test_share: float = 0.2
    k: int = 20
    import_settings: dict = dataclasses.field(default_factory=dict)
    parameters: dict = dataclasses.field(default_factory=dict)  # section.key: value; what is not said is the default
    models: tuple = ("popularity", "als", "item_knn", "graph", "ease", "blend")
    paired: tuple = ()  # of tuples: the first is compared with the others
    fallback: tuple = ()  # trained beside each row's model, for users of whom that knows nothing; as serving has it


COLLABORATIVE = ("popularity", "als", "item_knn", "user_knn", "graph", "ease")
LEARNT = ["content", "als", "item_knn", "graph", "ease"]  # all that learn and can be served: a blend chooses among them by itself
LADDER = ("popularity", "trending", "als", "item_knn", "user_knn", "graph", "ease", "content", "blend")

SETS = {
    "gowalla": Set(
        train="gowalla/train.txt.gz",
        test="gowalla/test.txt.gz",
        parameters={
            "ease.user_power": 0.3, "ease.item_power": 0.2, "ease.target_power": 0.3, "ease.neighbours": 200,
            "ease.neighbour_power": 0.6, "ease.regularization": 3.5,
            "als.factors": 192, "als.iterations": 8, "blend.models": ["ease", "als"], "blend.validation_users": 1500,
        },
        paired=(("blend", "ease", "graph"),),
    ),
    # BSPM's filter with the settings that its authors publish for this set (their README); nothing of ours was tuned.
    "gowalla-sharpened": Set(
        train="gowalla/train.txt.gz",
        test="gowalla/test.txt.gz",
        parameters={
            "graph.filter": "sharpened", "graph.factors": 448, "graph.low_pass": 0.2, "graph.sharpening": 2.5, "graph.user_power": 1,
            "graph.item_power": 0.5, "graph.target_power": 0.5, "graph.neighbours": 2000,
        },
        models=("graph",),
    ),
    # The same split with what a uniform slice of the training part chose: nothing here was read off the test part.
    "gowalla-uniform": Set(
        train="gowalla/train.txt.gz",
        test="gowalla/test.txt.gz",
        parameters={
            "ease.user_power": 0.38, "ease.target_power": 0.08, "ease.neighbour_power": 0.57, "ease.regularization": 5.8,
            "als.factors": 256, "als.iterations": 8, "blend.models": ["ease", "als"], "blend.validation_users": 1500,
        },
        models=("als", "ease", "blend"),
        paired=(("blend", "ease"),),
    ),
    "amazon-electronics": Set(
        train="amazon-electronics/train.txt.gz",
        test="amazon-electronics/test.txt.gz",
        parameters={
            "item_knn.user_power": 0.8, "item_knn.item_power": 0.7, "item_knn.target_power": 0.22, "item_knn.contrast": 1.5,
            "item_knn.neighbours": 1000,
            "ease.user_power": 0.45, "ease.item_power": 0.19, "ease.target_power": 0.08, "ease.neighbours": 400,
            "ease.neighbour_power": 0.3, "ease.regularization": 6.3, "blend.models": ["item_knn", "ease"],
        },
        paired=(("blend", "ease", "graph", "item_knn"),),
    ),
    # Published splits: one or ten items of each user are training, the rest test. Most items of p1 are cold.
    **{
        f"citeulike-{split}": Set(
            train=f"citeulike-a/{split}_train_users.dat.gz",
            test=f"citeulike-a/{split}_test_users.dat.gz",
            items="citeulike-a/items.csv.gz",
            counted=True,
            k=50,
            parameters={"blend.models": LEARNT} | chosen,
            models=("popularity", "als", "item_knn", "user_knn", "graph", "ease", "content", "blend"),
            paired=(("content", *COLLABORATIVE), ("blend", *COLLABORATIVE)),
        )
        for split, chosen in (
            ("p1", {}),  # one row a user leaves no slice to choose anything on; p10's rows are p1's test
            (
                "p10",
                {"content.contrast": 0.783, "content.neighbours": 234, "content.popularity_power": 0.355, "content.rarity_power": 1.221},
            ),
        )
    },
    # No published split: a random fifth of each user's rows, or the newest tenth of all rows where there are times.
    **{
        name: Set(train=f"{folder}/interactions.csv.gz", items=f"{folder}/items.csv.gz", models=LADDER, parameters=chosen, **split)
        for name, folder, split, chosen in (
            ("lastfm-hetrec", "lastfm-hetrec", {}, {}),
            ("steam", "steam-200k", {}, {}),
            ("anime", "anime-5k", {}, {}),
            ("goodbooks", "goodbooks-10k-v1", {}, {}),
            ("ml-latest-small", "ml-latest-small", {"split": "time", "test_share": 0.1, "fallback": ("popularity",)}, {}),
        )
    },
}
