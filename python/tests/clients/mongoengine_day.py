"""MongoEngine does a day's work on an Argon server."""

import sys

import mongoengine as me
from mongoengine.connection import get_connection, get_db
from mongoengine.context_managers import switch_db
from pymongo import InsertOne, UpdateMany
from pymongo.errors import OperationFailure

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

# What MongoEngine has no words for goes through the collections beneath it.
users = User._get_collection()
result = users.bulk_write(
    [InsertOne({"name": "b", "age": 1}), UpdateMany({"age": 1}, {"$inc": {"age": 0}})]
)
assert (result.inserted_count, result.matched_count) == (1, 2)
User.objects(name="b").delete()
client = get_connection()
with client.start_session() as one, client.start_session() as two:
    with one.start_transaction():
        users.update_one({"name": "u1"}, {"$set": {"tags": ["kept"]}}, session=one)
    one.start_transaction()
    users.update_one({"name": "u1"}, {"$set": {"tags": ["dropped"]}}, session=one)
    one.abort_transaction()
    assert User.objects.get(name="u1").tags == ["kept"]
    one.start_transaction()
    two.start_transaction()
    users.update_one({"name": "u2"}, {"$set": {"tags": ["one"]}}, session=one)
    try:
        users.update_one({"name": "u2"}, {"$set": {"tags": ["two"]}}, session=two)
        one.commit_transaction()
        two.commit_transaction()
    except OperationFailure as error:
        assert error.has_error_label("TransientTransactionError")
    else:
        raise AssertionError("two transactions wrote one document")
with users.watch() as stream:
    User(name="seen").save()
    change = stream.next()
    assert change["fullDocument"]["name"] == "seen"
User.objects(name="seen").delete()
with users.watch(resume_after=change["_id"]) as stream:
    assert stream.next()["operationType"] == "delete"

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
