"""MongoEngine does a day's work on an Argon server."""

import sys

import mongoengine as me
from mongoengine.connection import get_db
from mongoengine.context_managers import switch_db

URI = sys.argv[1]


class User(me.Document):
    name = me.StringField(required=True, unique=True)
    age = me.IntField(min_value=0)
    tags = me.ListField(me.StringField())
    meta = {"indexes": ["age", ("age", "-name")]}  # noqa: RUF012


class Post(me.Document):
    title = me.StringField()
    author = me.ReferenceField(User, reverse_delete_rule=me.CASCADE)
    photo = me.FileField()


me.connect("engine", host=URI + "engine")
me.connect("engine~exp", alias="exp", host=URI + "engine~exp")
ada = User(name="Ada", age=36, tags=["x"]).save()
User.objects.insert([User(name=f"u{n}", age=n) for n in range(100)])
assert User.objects(age__gte=90).count() == 10
assert User.objects.order_by("-age").first().age == 99
User.objects(name="Ada").update_one(inc__age=1, push__tags="y")
ada.reload()
assert (ada.age, ada.tags) == (37, ["x", "y"])
try:
    User(name="Ada").save()
except me.NotUniqueError:
    pass
else:
    raise AssertionError("two Adas")
post = Post(title="first", author=ada)
post.photo.put(b"p" * 300_000, content_type="image/x")
post.save()
assert Post.objects.first().author.name == "Ada"
assert len(Post.objects.first().photo.read()) == 300_000
assert User.objects.average("age") > 0
assert [row["_id"] for row in User.objects.aggregate([{"$group": {"_id": None}}])] == [None]
lsn = get_db().command("argonResolve", "main")["lsn"]
get_db().command("argonBranchCreate", "exp")
with switch_db(User, "exp") as Branched:
    Branched.objects.delete()
    assert Branched.objects.count() == 0
assert User.objects.count() == 101
me.connect(f"engine~main~{lsn}", alias="past", host=URI + f"engine~main~{lsn}")
ada.delete()
assert Post.objects.count() == 0
with switch_db(User, "past") as Past:
    assert Past.objects(name="Ada").count() == 1
